/** A word or phrase that newcomers had to guess, and what to write instead. */
interface Saying {
  readonly pattern: RegExp
  readonly instead: string
}

/** Word boundaries on both sides, in any letter case. */
const word = (pattern: string, instead: string): Saying => ({
  pattern: new RegExp(`(?<![A-Za-z])(?:${pattern})(?![A-Za-z])`, 'i'),
  instead,
})

/**
 * The one list of words that this project does not use. Plain international English instead: subject, verb, object, and the field's
 * standard terms (CONTRIBUTING.md). Add what readers stumble over.
 */
export const AVOIDED: readonly Saying[] = [
  word('who(?:m)?ever', 'name the caller, the sender, the operator or the process'),
  word('nobody|nobodies', 'write "no caller", "no instance", or make another thing the subject'),
  word('somebody|anybody|everybody', 'name who it is'),
  word('mend(?:s|ed|ing)?', 'write "fix" or "repair"'),
  word('what (?:stands|stood)|as (?:it|they) stands?', 'write "what is there", "the content" or "unchanged"'),
  word('took off|takes? off|taken off', 'write "was sent" or "started"'),
  word('passages?', 'write "lease" or "attempt"'),
  word('knock(?:s|ed|ing)?', 'write "request"'),
  word('tak(?:es?|en|ing) in|took in', 'write "accept" or "store"'),
  word('the way that', 'write "as" or "how"'),
  word('outright', 'leave it out, or write "by its resource id"'),
  word('errands?', 'write "request", "task" or "load"'),
  word(
    "behind (?:his|her|its|their|the callers['’]) backs?|behind (?:the|our|their) answers?",
    'write "in the background"',
  ),
  word('nought|naught', 'write "zero"'),
  word('shall', 'write "must" or "is to"'),
  word('in (?:the )?air', 'write "in flight"'),
  word('land(?:s|ed|ing)? (?:with|before|after|late)', 'write "is stored" or "arrives"'),
  word('lost its way|the news|so to speak|in earnest|all the same|at rest|hot on', 'say the fact without the image'),
  word('hires?|wakes? up for|woken for', 'say the fact without the image'),
  word('gathers?|gathered|gathering', 'write "collect", "batch" or "wait"'),
  word('laid out|lies? in wait', 'say the fact without the image'),
  word('(?:is|are|be) told so|(?:is|are) told at once', 'write what the answer says'),
  word('gets? (?:on|through) with|came to itself', 'say the fact without the image'),
  word('believed?|believes|unbelieved', 'write "verified", "authenticated" or "trusted"'),
  word('dearest|dearer', 'write "most expensive"'),
  word('rides? on', 'write "uses" or "depends on"'),
  word('hold of|holds? good|takes? hold', 'write "get", "is valid" or "applies"'),
  word('sits? on the way|on its way there|halfway', 'name the place'),
  word('in whatever|however (?:they|it) (?:is|are) spelled|whatever (?:comes|came)', 'write "any"'),
  word('comes? of it|became of|what has become', 'write "result" or "outcome"'),
]

/** A sentence for every avoided word in a text, with its line. */
export function wordFaults(file: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, index) =>
    AVOIDED.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(line)?.[0]
      return found === undefined ? [] : [`${file}:${index + 1} says "${found}": ${instead}.`]
    }),
  )
}

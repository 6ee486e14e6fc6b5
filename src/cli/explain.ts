import { readFileSync } from 'node:fs'
import type { ConfigProblem } from '../config/config.ts'
import { loadPolicySettings } from '../config/load-config.ts'
import { explainDecision } from '../policy/explain-decision.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { explainAlert } from './explain-alert.ts'
import { HELP, readArguments, shown, type Question } from './explain-arguments.ts'
import { explainRecord } from './explain-record.ts'
import { explanationJson, explanationText, type Explained } from './explanation-text.ts'
import { readOperation } from './read-operation.ts'

const ACTS = 0
const DOES_NOT_ACT = 1
const UNANSWERABLE = 2

/** Read arguments → find the answer → say it. */
async function explain(args: readonly string[]): Promise<number> {
  const parsed = readArguments(args)
  if (!parsed.ok) return complain(parsed.error)
  const { question, asJson } = parsed.value
  if (question === 'help') return say(HELP, ACTS)
  const answer = await answerTo(question)
  if (!answer.ok) return complain(answer.error)
  const { text, json, acts } = answer.value
  return say(asJson ? `${JSON.stringify(json, null, 2)}\n` : text, acts ? ACTS : DOES_NOT_ACT)
}

async function answerTo(question: Question): Promise<Result<Explained, readonly string[]>> {
  switch (question.kind) {
    case 'line':
      return explainRecord(question.text ?? readStandardInput())
    case 'operation': {
      const operation = await readOperation(question.app, question.operationId, readStandardInput().trim())
      return operation.ok ? explainRecord(operation.value) : operation
    }
    case 'caller':
    case 'alert': {
      const settings = loadPolicySettings(question.policyFile)
      if (!settings.ok) return err(settings.error.map((problem) => toLine(problem, question.policyFile)))
      const { mode, source, policy } = settings.value
      if (question.kind === 'alert') return explainAlert({ mode, source, policy, ...question })
      const { caller, backend, action } = question
      const explanation = explainDecision(caller, action, backend, policy.grants)
      const asked = { mode, source, grants: policy.grants, caller, action, backend }
      return ok({
        acts: explanation.allowed,
        text: explanationText(asked, explanation),
        json: explanationJson(asked, explanation),
      })
    }
  }
}

/** Empty where nothing is piped in: a person at a terminal is not kept waiting for what they were not asked for. */
function readStandardInput(): string {
  return process.stdin.isTTY ? '' : readFileSync(0, 'utf8')
}

function toLine({ name, expectation, example }: ConfigProblem, policyFile: string | undefined): string {
  const place =
    policyFile === undefined ? name : name.replace(/^RECONNECT_POLICY_FILE/, `--policy ${shown(policyFile)}`)
  return `${place}: expected ${expectation}; for example ${example}`
}

function say(text: string, exitCode: number): number {
  process.stdout.write(text)
  return exitCode
}

function complain(lines: readonly string[]): number {
  process.stderr.write(`${lines.join('\n')}\nnpm run explain -- --help says more.\n`)
  return UNANSWERABLE
}

process.exitCode = await explain(process.argv.slice(2))

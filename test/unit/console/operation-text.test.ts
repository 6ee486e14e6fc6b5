import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { askedBy, backendName, spokenStatus, statusOf } from '../../../src/console/operation-text.ts'
import { timelineOf } from '../../../src/console/timeline.ts'
import { countdown, spanText } from '../../../src/console/time-text.ts'
import { AN_ALERT, anOperation, at, BACKEND, NOW } from './an-operation.ts'

const effect = (verdict: string) => ({ verdict, since: at(-3), decideBy: at(27), decidedAt: at(-1) })

describe('how an operation is doing', () => {
  for (const [what, change, tone, title] of [
    ['counts down until it is due', { due: at(2) }, 'busy', /^Due in 2:00$/],
    ['is watched until the verdict is due', { effect: effect('pending') }, 'busy', /^Watching until /],
    ['helped', { effect: effect('recovered') }, 'good', /^It helped$/],
    ['recovered by itself', { effect: effect('recovered-early') }, 'quiet', /before the reconnect/],
    ['did not help', { effect: effect('not-recovered') }, 'bad', /did not help/],
    ['was replaced before it was due', { due: at(2), effect: effect('superseded') }, 'quiet', /^Replaced$/],
    ['has no verdict where the app gives none', {}, 'quiet', /^Sent$/],
    ['waits for delivery', { state: 'accepted', trigger: AN_ALERT, attempts: 0 }, 'busy', /Waits for delivery/],
    ['is being sent', { state: 'accepted', attempts: 0 }, 'busy', /Being sent/],
    ['waits for its next try', { state: 'accepted', error: { code: 'c', message: 'm' } }, 'busy', /next try/],
    ['was refused', { state: 'failed', error: { code: 'c', message: 'm' } }, 'bad', /Azure refused/],
    ['failed before it was sent', { state: 'failed', attempts: 0 }, 'bad', /^Failed$/],
    ['was given up', { state: 'abandoned' }, 'bad', /Given up/],
    ['was one too many', { state: 'exhausted' }, 'bad', /too many/],
    [
      'is one of those that do not help',
      { state: 'exhausted', error: { code: 'ReconnectNotHelping', message: 'm' } },
      'bad',
      /do not help/,
    ],
    ['has a state that this page does not know', { state: 'novel' }, 'quiet', /^novel$/],
    ['has a verdict that this page does not know', { effect: effect('novel') }, 'quiet', /^novel$/],
  ] as const)
    it(what, () => {
      const status = statusOf(anOperation(change), NOW)
      assert.equal(status.tone, tone)
      assert.match(status.title, title)
    })

  it('says why the last try failed, and when the next one is at the latest', () => {
    const waiting = anOperation({
      state: 'accepted',
      trigger: AN_ALERT,
      error: { code: 'ServiceUnavailable', message: 'ARM is away.' },
    })
    assert.match(statusOf(waiting, NOW).detail ?? '', /^ARM is away\. The next try is at \S+ at the latest\.$/)
  })

  it('is not spoken once a second', () => {
    const due = anOperation({ due: at(2) })
    assert.equal(spokenStatus(due, NOW), spokenStatus(due, NOW + 1_000))
  })
})

describe('words', () => {
  it('name who asked', () => {
    assert.equal(askedBy(anOperation()), 'Olivia Operator')
    assert.equal(askedBy(anOperation({ caller: { kind: 'app', id: 'x' } })), 'application x')
    assert.equal(askedBy(anOperation({ trigger: AN_ALERT })), 'alert rule Failures by webhook alertmanager')
  })

  it('shorten a resource id to the backend, its service and its group; another text stays', () => {
    assert.deepEqual(backendName(BACKEND), { name: 'orders', where: 'apim-prod in rg-apim' })
    assert.deepEqual(backendName('x'), { name: 'x', where: 'x' })
  })

  it('count down and measure', () => {
    assert.deepEqual([-1, 0, 1, 61_000, 3_661_000].map(countdown), ['0:00', '0:00', '0:01', '1:01', '1:01:01'])
    assert.deepEqual([-5, 45_000, 300_000, 7_800_000, 259_200_000].map(spanText), [
      '0 s',
      '45 s',
      '5 min',
      '2 h 10 min',
      '3 days',
    ])
  })
})

describe('the timeline of an operation', () => {
  const titles = (...given: Parameters<typeof timelineOf>) => timelineOf(...given).map(({ title }) => title)

  it('goes from the alert to the verdict', () => {
    const operation = anOperation({
      trigger: AN_ALERT,
      effect: { ...effect('recovered'), evidence: [{ kind: 'resolved', at: at(-2), alertId: 'f00d' }] },
    })
    assert.deepEqual(titles(operation, undefined, NOW), [
      'An alert fired',
      'The app accepted it',
      '1 attempt at Azure Resource Manager: accepted',
      'The gateway reconnected',
      'Evidence: resolved',
      'Verdict: It helped',
    ])
    const ids = timelineOf(operation, undefined, NOW).flatMap((step) => step.ids ?? [])
    assert.deepEqual(
      ids.map(({ value }) => value),
      ['f00d', 'r', 'c', 'f00d'],
    )
  })

  it('goes on with the reconnect that was joined', () => {
    const joined = anOperation({ state: 'joined', joined: 'b'.repeat(51), attempts: 0, trigger: AN_ALERT, due: at(1) })
    const { arm: _, ...without } = joined
    const covering = anOperation({ due: at(1), effect: effect('pending') })
    assert.deepEqual(titles(without, covering, NOW), [
      'An alert fired',
      'The app accepted it',
      'Joined a reconnect that was already accepted',
      '1 attempt at Azure Resource Manager: accepted',
      'The gateway will reconnect',
      titles(covering, undefined, NOW).at(-1),
    ])
    // Where the user may not read the other operation, the story ends with what this one says.
    assert.equal(titles(without, undefined, NOW).length, 4)
  })

  it('says why an attempt failed, and that an answer was lost', () => {
    const steps = timelineOf(
      anOperation({
        state: 'failed',
        ambiguous: true,
        error: { code: 'Conflict', message: 'busy' },
        arm: { status: 409 },
      }),
      undefined,
      NOW,
    )
    const text = steps.map((step) => step.text).join()
    for (const part of ['Conflict: busy', 'answered 409', 'was lost']) assert.ok(text.includes(part), part)
  })
})

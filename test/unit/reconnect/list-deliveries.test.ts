/** Who is shown which deliveries of a webhook: default deny, and what is hidden does not exist (contract, section 11). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Action } from '../../../src/domain/failure.ts'
import type { UnactedDelivery } from '../../../src/domain/unacted-delivery.ts'
import { createGrantIndex } from '../../../src/policy/grant-index.ts'
import { listDeliveries } from '../../../src/reconnect/list-deliveries.ts'
import { ok } from '../../../src/shared/result.ts'
import { aScope, GROUP, SERVICE, SUBSCRIPTION } from '../../support/a-pause.ts'
import { aBackend, aCaller, aDeadline, aPrincipal, TOOL_ID } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const OTHER = aBackend({ resourceGroupName: 'rg-other' }).resourceId
const LISTED: readonly UnactedDelivery[] = [
  { at: '1', outcome: 'unmatched' },
  { at: '2', outcome: 'resolved', backend: aBackend().resourceId },
  { at: '3', outcome: 'denied', backend: OTHER },
  { at: '4', outcome: 'denied', backend: 'what no parser takes' },
]

type Given = readonly (readonly [scope: string, actions: readonly Action[]])[]

/** The times of the entries that are shown, or the reason why nothing is. */
async function shown(ofWebhook: readonly string[], ofCaller: Given, webhook = 'w'): Promise<string> {
  const clock = createFakeClock()
  let reads = 0
  const { result } = await listDeliveries(
    { authorization: undefined, clientPrincipal: undefined },
    webhook,
    () => ok(undefined),
    aDeadline(clock),
    {
      authenticate: async () => ok(aCaller()),
      grants: createGrantIndex([
        ...ofWebhook.map((scope, index) => ({
          index,
          principal: aPrincipal('webhook:w'),
          scope: aScope(scope),
          actions: ['reconnect'] as const,
        })),
        ...ofCaller.map(([scope, actions], index) => ({
          index: index + ofWebhook.length,
          principal: aPrincipal(`app:${TOOL_ID}`),
          scope: aScope(scope),
          actions,
        })),
      ]),
      webhooks: new Set(['w']),
      deliveries: { list: async () => ((reads += 1), LISTED) },
      clock,
    },
  )
  assert.ok(reads <= 1)
  return result.ok ? result.value.map(({ at }) => at).join('') : `${result.error.reason} ${reads}`
}

describe('deliveries of a webhook are shown', () => {
  for (const [what, ofWebhook, ofCaller, expected] of [
    [
      'all to who may read all that it is granted, but what names a backend outside',
      [SERVICE],
      [[GROUP, ['read']]],
      '12',
    ],
    ['with what names a backend outside, to who may read that too', [SERVICE], [[SUBSCRIPTION, ['read']]], '123'],
    ['as far as they name a backend, to who may read that one', [SERVICE], [[aBackend().resourceId, ['read']]], '2'],
    ['as far as they name a backend, to who may read one of two grants', [SERVICE, OTHER], [[SERVICE, ['read']]], '2'],
    [
      'to who may read both grants',
      [SERVICE, OTHER],
      [
        [SERVICE, ['read']],
        [OTHER, ['read']],
      ],
      '123',
    ],
    ['to who may read a backend that it is not granted', [SERVICE], [[OTHER, ['read']]], '3'],
    ['not as a whole where it is granted nothing', [], [[SUBSCRIPTION, ['read']]], '23'],
    [
      'to no caller without read, and storage is not asked',
      [SERVICE],
      [[SUBSCRIPTION, ['reconnect', 'force', 'pause']]],
      'deliveries_not_found 0',
    ],
    [
      'not where nothing of them may be read',
      [SERVICE],
      [[`${SUBSCRIPTION}/resourceGroups/x`, ['read']]],
      'deliveries_not_found 1',
    ],
    [
      'as an empty list where something could be read',
      [`${SUBSCRIPTION}/resourceGroups/x`],
      [[`${SUBSCRIPTION}/resourceGroups/x/providers/Microsoft.ApiManagement/service/y`, ['read']]],
      '',
    ],
  ] as const) {
    it(what, async () => assert.equal(await shown(ofWebhook, ofCaller), expected))
  }

  it('by any letter case of its name; an unknown one does not exist, and storage is not asked', async () => {
    assert.equal(await shown([SERVICE], [[SERVICE, ['read']]], 'W'), '12')
    assert.equal(await shown([SERVICE], [[SUBSCRIPTION, ['read']]], 'v'), 'deliveries_not_found 0')
    assert.equal(await shown([SERVICE], [[SUBSCRIPTION, ['read']]], '../w'), 'deliveries_not_found 0')
  })
})

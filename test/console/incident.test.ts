import assert from 'node:assert/strict'
import { SANDBOX_POLICY } from '../../sandbox/policy.ts'
import { WEBHOOK_SECRETS } from '../../sandbox/webhooks.ts'
import { findBackend } from './backends.ts'
import { consoleRoom, OLIVIA, sendAlert } from './console-room.ts'

/** The gateway reconnects after a second instead of two minutes, so that an incident ends while a test waits. */
const POLICY = {
  ...SANDBOX_POLICY,
  webhooks: { ...SANDBOX_POLICY.webhooks, alertmanager: { ...SANDBOX_POLICY.webhooks.alertmanager, after: 'PT3S' } },
}
const story = consoleRoom({ policy: POLICY, env: WEBHOOK_SECRETS })

story(
  'an incident from the alert to its end: who, why and whether it helped, within three clicks',
  async ({ sandbox, openTab }) => {
    const [orders = ''] = sandbox.info.backends
    const { page, signInAs } = await openTab()
    await signInAs(OLIVIA)
    await page.getByText('Nothing is going on.').waitFor()

    const { outcomes } = await sendAlert(sandbox, orders, { fingerprint: 'f1f2f3f4f5f6f7f8' })
    assert.deepEqual(outcomes, ['accepted'])
    await page.getByRole('button', { name: 'Update now' }).click()
    const card = page.locator('.card').filter({ hasText: 'orders' })
    await card.getByText('Asked for').waitFor()
    assert.match(await card.innerText(), /by alert rule ApimBackendConnectionFailures by webhook alertmanager/)

    // A stranger with the alert's id: paste, choose, read.
    await page.getByRole('searchbox', { name: /Find/ }).fill('f1f2f3f4f5f6f7f8')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.getByText('those that mention f1f2f3f4f5f6f7f8').waitFor()
    await page.locator('tbody tr').first().getByRole('link').first().click()
    const timeline = page.getByRole('list').filter({ hasText: 'An alert fired' })
    await timeline.getByText('1 attempt at Azure Resource Manager: accepted').waitFor()
    const text = await timeline.innerText()
    for (const part of [
      'f1f2f3f4f5f6f7f8',
      'rule ApimBackendConnectionFailures',
      'The app accepted it',
      '1 attempt at Azure Resource Manager: accepted',
      'answered 202',
      'ARM request id',
    ])
      assert.ok(text.includes(part), `${part} is missing in ${text}`)

    await timeline.getByText('The gateway reconnected').waitFor()
    assert.deepEqual((await sendAlert(sandbox, orders, { firing: false, fingerprint: 'f1f2f3f4f5f6f7f8' })).outcomes, [
      'resolved',
    ])
    await page.getByRole('button', { name: 'Update now' }).click()
    await page.getByText('Verdict: It helped', { exact: true }).first().waitFor()
  },
)

story('a reconnect by hand: the app says what it will do, then does exactly that', async ({ sandbox, openTab }) => {
  const [, payments = ''] = sandbox.info.backends
  const { page, signInAs, heading } = await openTab({ hash: '#/reconnect' })
  await signInAs(OLIVIA)
  const sent = (): number => sandbox.azure.journal.requests().filter(({ path }) => path.includes('/payments/')).length

  const choose = async (): Promise<void> => {
    await page.getByLabel('Resource id of a backend').fill(payments)
    await page.getByRole('button', { name: 'Choose' }).click()
  }
  await choose()
  await page.getByText(/It will be sent now; the gateway reconnects at/).waitFor()
  await page.getByLabel('Reason').fill('INC-4711: payments answers 503')
  // Another wish is another question.
  await page.getByRole('button', { name: 'Check what will happen' }).click()
  await page.getByText(/It will be sent now/).waitFor()
  assert.equal(sent(), 0)
  await page.getByRole('button', { name: 'Confirm: reconnect' }).click()
  await page.getByText(/^Due in /).waitFor()
  assert.equal(await heading(), 'Operation')
  assert.match(
    await page.getByRole('main').innerText(),
    /Asked for by Olivia Operator[^]*INC-4711: payments answers 503/,
  )
  assert.equal(sent(), 1)

  await page.getByRole('link', { name: 'Reconnect this backend' }).click()
  await page.getByText(/It joins the reconnect that is due at/).waitFor()
  assert.match(await page.getByRole('main').innerText(), /Asked for by Olivia Operator: INC-4711/)
  await page.getByRole('button', { name: 'Confirm: join it' }).click()
  await page.getByText('Joined a reconnect that was already accepted').waitFor()
  assert.equal(sent(), 1)

  await page.getByRole('link', { name: 'Reconnect this backend' }).click()
  await page.getByLabel(/Force/).check()
  await page.getByRole('button', { name: 'Check what will happen' }).click()
  await page.getByText(/It will be sent now/).waitFor()
  await page.getByRole('button', { name: 'Confirm: reconnect' }).click()
  await page.getByText(/^Due in /).waitFor()
  assert.equal(sent(), 2)
})

story('what the app said of an earlier wish is not shown for another one', async ({ openTab }) => {
  const backend = findBackend('apim-dev', 'payments')
  const { page, signInAs } = await openTab({ hash: '#/reconnect' })
  await signInAs(OLIVIA)
  const answered = Promise.withResolvers<void>()
  await page.route('**/reconnect', async (route) => {
    await answered.promise
    await route.continue()
  })
  await page.evaluate(`location.hash = ${JSON.stringify(`#/reconnect?backend=${encodeURIComponent(backend)}`)}`)
  await page.getByText('Asking the app…').waitFor()
  await page.getByLabel('Delay').selectOption('PT1H')
  answered.resolve()
  await page.getByText('Asking the app…').waitFor({ state: 'detached' })
  assert.equal(await page.getByText(/It will be sent now/).count(), 0)
  await page.getByRole('button', { name: 'Check what will happen' }).click()
  await page.getByText(/It will be sent now/).waitFor()
})

story('a refusal by Azure is told with its reason and the next step', async ({ sandbox, openTab }) => {
  const backend = sandbox.info.backends.find((id) => id.endsWith('apim-dev/backends/returns')) ?? ''
  const { page, signInAs } = await openTab({ hash: `#/reconnect?backend=${encodeURIComponent(backend)}` })
  await signInAs(OLIVIA)
  await page.getByText(/It will be sent now/).waitFor()
  sandbox.azure.faults.set([{ target: 'arm', kind: '409', times: 1 }])
  await page.getByRole('button', { name: 'Confirm: reconnect' }).click()
  const note = page.getByRole('alert')
  await note.waitFor()
  assert.match(await note.innerText(), /The request was refused[^]*The app says:[^]*correlation id:/)
})

story('the address of the page chooses no other path than that of a reconnect', async ({ sandbox, openTab }) => {
  const { page, signInAs } = await openTab()
  await signInAs(OLIVIA)
  const asked: string[] = []
  page.on('request', (request) => void (request.method() === 'POST' && asked.push(request.url())))
  for (const backend of ['//evil.example/x', '/pauses?x=', `${sandbox.info.backends[0]}/../..`]) {
    await page.evaluate(`location.hash = ${JSON.stringify(`#/reconnect?backend=${encodeURIComponent(backend)}`)}`)
    await page.getByText('This is not the resource id of a backend').waitFor()
  }
  assert.deepEqual(asked, [])
})

story('an alert that did not act is found with its reason', async ({ sandbox, openTab }) => {
  const denied =
    '/subscriptions/b8c1e9a2-5d34-4f70-8e16-9a2d7c3f4b05/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod/backends/orders'
  await sendAlert(sandbox, denied, { labels: { backend_id: 'no such / backend' } })
  const { page, signInAs } = await openTab({ hash: '#/webhooks/alertmanager' })
  await signInAs(OLIVIA)
  await page.getByText('The alert does not name a valid backend', { exact: false }).waitFor()
})

story('alerts are paused with a reason, and go on when the pause is ended', async ({ sandbox, openTab }) => {
  const backend = sandbox.info.backends.find((id) => id.endsWith('apim-dev/backends/shipping')) ?? ''
  const { page, signInAs } = await openTab({ hash: `#/pauses?scope=${encodeURIComponent(backend)}` })
  await signInAs(OLIVIA)
  await page.getByLabel('Reason').fill('planned maintenance')
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  const card = page.locator('.card').filter({ hasText: 'planned maintenance' })
  await card.waitFor()
  assert.match(await card.innerText(), /by Olivia Operator/)
  await page.getByRole('link', { name: 'Now', exact: true }).click()
  await page.getByRole('heading', { name: 'Alerts are paused' }).waitFor()
  await page.getByRole('link', { name: 'Pauses', exact: true }).click()
  await page.getByRole('button', { name: /End the pause/ }).click()
  await page.getByText('The pause has ended.').waitFor()
  await page.getByText('No pause that you may see lasts now.').waitFor()
})

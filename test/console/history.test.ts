import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import { findBackend } from './backends.ts'
import { consoleRoom, findChromium, OLIVIA } from './console-room.ts'
import { HOSTILE } from './hostile.ts'
import { writeOperations } from './many-operations.ts'
import { startStorageProxy, type StorageProxy } from '../support/storage-proxy.ts'

const MANY = 5_000
const PAGE = 50
/** Storage calls for one page of 50 among so many, whatever their number. */
const MAX_CALLS = 6
const DAY_MS = 86_400_000

let storage: Storage
let proxy: StorageProxy
const options = { storage: '' }
const story = consoleRoom(options)

before(async () => {
  if (findChromium() === undefined) return
  storage = await startStorage()
  const [connectionString = ''] = storage.connectionStrings
  proxy = await startStorageProxy(connectionString)
  options.storage = proxy.connectionString
  // All of them in one month, so that a batch is one of storage's own: long ago, and not within the 24 hours that are drawn.
  const start = new Date()
  start.setUTCDate(1)
  start.setUTCHours(0, 0, 0, 0)
  const many = Array.from({ length: MANY }, (_, index) => ({
    requestedAt: new Date(start.getTime() - DAY_MS - (MANY - index) * 60_000).toISOString(),
  }))
  const months = Map.groupBy(many, ({ requestedAt }) => requestedAt.slice(0, 7))
  for (const own of months.values()) await writeOperations(connectionString, findBackend('apim-dev', 'orders'), own)
  const now = Date.now()
  const hostile = HOSTILE.map((text, index) => ({
    requestedAt: new Date(now - (index + 1) * 1_000).toISOString(),
    reason: text,
    caller: { kind: 'user', id: text, name: text },
    trigger: { kind: 'webhook' as const, webhook: text, alertId: text, alertRule: text },
    state: 'failed' as const,
    error: { code: text, message: text },
    arm: { status: 400, requestId: text, correlationId: text },
  }))
  await writeOperations(connectionString, findBackend('apim-prod', 'payments'), hostile)
})

after(async () => {
  await proxy?.stop()
  await storage?.stop()
})

story('texts of senders, callers and Azure are shown as they are, and never become markup', async ({ openTab }) => {
  const { page, signInAs } = await openTab({ hash: '#/history' })
  await signInAs(OLIVIA)
  const rows = page.locator('tbody tr')
  const shown = new Set<string>()
  const elements = async (): Promise<number> =>
    page
      .locator(
        'main :is(script, img, iframe, object, svg:not(.strips svg), style, link, meta, base, form:not(.filters form))',
      )
      .count()
  await rows.nth(PAGE - 1).waitFor()
  for (const text of await rows.allTextContents()) shown.add(text)
  assert.equal(await elements(), 0)
  await page.getByRole('link', { name: 'Older' }).click()
  await page.getByRole('link', { name: 'Newest' }).waitFor()
  for (const text of await rows.allTextContents()) shown.add(text)
  const all = [...shown].join('\n')
  for (const text of HOSTILE) assert.ok(all.includes(text), JSON.stringify(text))
  assert.equal(await page.evaluate('globalThis.owned'), undefined)
})

story('one operation shows hostile texts as text as well, on its own page and in its links', async ({ openTab }) => {
  const { page, signInAs } = await openTab({ hash: '#/history' })
  await signInAs(OLIVIA)
  for (const index of [0, 7, 13]) {
    await page.evaluate('location.hash = "#/history"')
    await page.locator('tbody tr').nth(index).getByRole('link').first().click()
    await page.getByRole('heading', { name: 'What happened' }).waitFor()
    const main = await page.getByRole('main').textContent()
    const text = HOSTILE[index] ?? ''
    assert.ok(main?.includes(text), JSON.stringify(text))
    // A link leads to a place of this page, and nowhere else.
    for (const link of await page.locator('main a').all()) assert.match((await link.getAttribute('href')) ?? '', /^#\//)
  }
  assert.equal(await page.evaluate('globalThis.owned'), undefined)
})

story(`a history of ${MANY} operations is read page by page, each for a few calls of storage`, async ({ openTab }) => {
  const backend = findBackend('apim-dev', 'orders')
  const { page, signInAs } = await openTab({ hash: `#/history?backend=${encodeURIComponent(backend)}` })
  await signInAs(OLIVIA)
  const rows = page.locator('tbody tr')
  await rows.nth(PAGE - 1).waitFor()
  const first = await rows.first().innerText()
  const calls = proxy.calls()
  await page.getByRole('link', { name: 'Older' }).click()
  await page.getByRole('link', { name: 'Newest' }).waitFor()
  await rows.nth(PAGE - 1).waitFor()
  assert.notEqual(await rows.first().innerText(), first)
  assert.ok(proxy.calls() - calls <= MAX_CALLS, `${proxy.calls() - calls} calls`)
  // The place of a page is in the address.
  assert.match(page.url(), /skiptoken=/)
  await page.goBack()
  await page.getByRole('link', { name: 'Newest' }).waitFor({ state: 'detached' })
  await rows.nth(PAGE - 1).waitFor()
  assert.equal(await rows.first().innerText(), first)
})

story('filters are in the address, and a link with filters shows the same', async ({ openTab }) => {
  const { page, signInAs } = await openTab({ hash: '#/history' })
  await signInAs(OLIVIA)
  await page.getByText('Filters').click()
  await page.getByLabel('State').selectOption('abandoned')
  await page.getByRole('button', { name: 'Show' }).click()
  // The filter fits none of 5,000: the page says how far it has looked, and goes on where the user wants it.
  await page.getByText('Nothing like this in the part of the history that was searched.', { exact: false }).waitFor()
  assert.equal(new URL(page.url()).hash, '#/history?state=abandoned')
  const none = new URLSearchParams({ backend: findBackend('apim-prod', 'payments'), state: 'abandoned' })
  await page.evaluate(`location.hash = ${JSON.stringify(`#/history?${none.toString()}`)}`)
  await page.getByText('There is no operation like this that you may read.').waitFor()
  await page.evaluate('location.hash = "#/history?state=failed&rule=x"')
  assert.equal(await page.getByLabel('State').inputValue(), 'failed')
  assert.equal(await page.getByLabel('Alert rule').inputValue(), 'x')
  // A value that the app does not accept is explained.
  await page.evaluate('location.hash = "#/history?from=yesterday"')
  await page.getByText("The query parameter 'from' must be", { exact: false }).waitFor()
})

story('the last 24 hours of a backend are a strip, with the same in words', async ({ openTab }) => {
  const { page, signInAs } = await openTab({ hash: '#/history' })
  await signInAs(OLIVIA)
  await page
    .getByRole('img', { name: /^[0-9]+ operations in the last 24 hours, [0-9]+ of them needs? attention$/ })
    .waitFor()
})

story('while storage is away the data stays, is marked as old, and is fresh again by itself', async ({ openTab }) => {
  const { page, signInAs } = await openTab()
  await signInAs(OLIVIA)
  const card = page.locator('.card').first()
  await card.waitFor()
  await proxy.become('refuse')
  try {
    await page.getByRole('button', { name: 'Update now' }).click()
    await page.getByText('Old data: last updated', { exact: false }).waitFor()
    assert.match(await page.getByRole('alert').innerText(), /The app cannot do this at the moment[^]*Storage/)
    assert.ok(await card.isVisible())
  } finally {
    await proxy.become('up')
  }
  await page.getByText(/^Updated [0-9]/).waitFor({ timeout: 90_000 })
  assert.equal(await page.getByRole('alert').count(), 0)
})

story(
  'with storage away a reconnect is still sent, and the page says that it is not recorded',
  async ({ sandbox, openTab }) => {
    const backend = findBackend('apim-dev', 'invoices')
    const { page, signInAs } = await openTab({ hash: `#/reconnect?backend=${encodeURIComponent(backend)}` })
    await signInAs(OLIVIA)
    await page.getByText(/It will be sent now/).waitFor()
    await proxy.become('refuse')
    try {
      await page.getByRole('button', { name: 'Confirm: reconnect' }).click()
      await page
        .getByText('Storage does not answer, so the app could not record it', { exact: false })
        .waitFor({ timeout: 60_000 })
      assert.ok(sandbox.azure.journal.requests().some(({ path }) => path.includes('/invoices/')))
    } finally {
      await proxy.become('up')
    }
  },
)

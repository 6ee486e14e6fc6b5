import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { findBackend } from './backends.ts'
import { axeFindings, consoleRoom, eventually, OLIVIA, sendAlert, type ConsoleRoom } from './console-room.ts'

const story = consoleRoom()
const ORDERS = findBackend('apim-prod', 'orders')

/** Every view, with something to show: trouble, something that goes on, an error. */
const VIEWS: readonly (readonly [string, string, string])[] = [
  ['Now', '#/', 'Due in'],
  ['the choice of a backend', '#/reconnect', 'Resource id of a backend'],
  ['a reconnect before it is confirmed', `#/reconnect?backend=${encodeURIComponent(ORDERS)}`, 'It joins the reconnect'],
  ['a text that is no backend', '#/reconnect?backend=x', 'This is not the resource id'],
  ['the history', '#/history', 'The last 24 hours'],
  ['the history with filters and an error', '#/history?from=x', "The query parameter 'from'"],
  ['alerts that did not act', '#/webhooks/alertmanager', 'Choose the webhook'],
  ['pauses', '#/pauses', 'Pause alerts'],
  ['grants', '#/grants', 'What may I do'],
]

let prepared: Promise<string> | undefined

/** A reconnect that an alert asked for, and one that Azure refused. Returns the first one's id. */
function prepare({ sandbox }: ConsoleRoom): Promise<string> {
  return (prepared ??= (async () => {
    const send = (backend: string) =>
      fetch(`${sandbox.info.proxy}${backend}/reconnect`, {
        method: 'POST',
        headers: { authorization: `Bearer ${sandbox.info.tokens.operator}`, 'x-reconnect-reason': 'INC-4711' },
      })
    await sendAlert(sandbox, findBackend('apim-prod', 'payments'))
    await sendAlert(sandbox, ORDERS, { labels: { backend_id: 'not / valid' } })
    sandbox.azure.faults.set([{ target: 'arm', kind: '409', times: 1, scope: findBackend('apim-dev', 'returns') }])
    await send(findBackend('apim-dev', 'returns'))
    return (await send(ORDERS)).headers.get('x-reconnect-operation') ?? ''
  })())
}

/** The view is loaded, and its data too. */
async function show(page: Page, hash: string, text: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await page.getByRole('main').getByText(text, { exact: false }).first().waitFor()
  await eventually(async () => (await page.getByText('Loading…').count()) === 0)
}

for (const colorScheme of ['light', 'dark'] as const)
  story(`axe-core finds nothing on any view, in ${colorScheme} colours`, async (room) => {
    const operation = await prepare(room)
    const { page, signInAs } = await room.openTab({ colorScheme })
    await signInAs(OLIVIA)
    for (const [what, hash, text] of [
      ...VIEWS,
      ['one operation', `#/operations/${operation}`, 'What happened'] as const,
    ]) {
      await show(page, hash, text)
      assert.deepEqual(await axeFindings(page), [], what)
    }
    const scheme = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    assert.equal(Number(/[0-9]+/.exec(scheme)?.[0]) > 128, colorScheme === 'light', scheme)
  })

story('axe-core would find a fault', async (room) => {
  const { page, signInAs } = await room.openTab()
  await signInAs(OLIVIA)
  await page.evaluate("document.querySelector('main').append(document.createElement('input'))")
  assert.match((await axeFindings(page)).join(), /^label: /)
})

story('the whole way from the first page to a confirmed reconnect needs the keyboard alone', async ({ openTab }) => {
  const backend = findBackend('apim-dev', 'orders')
  const { page, heading } = await openTab()
  const focused = (): Promise<string> =>
    page.evaluate<string>(
      "document.activeElement === document.body ? '' : document.activeElement.textContent || document.activeElement.name",
    )
  /** Goes on with Tab until the element has the focus. A view has fewer elements than this. */
  const tabTo = async (text: string): Promise<void> => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab')
      if ((await focused()).includes(text)) return
    }
    assert.fail(`Tab does not reach ${text}`)
  }
  await page.getByRole('link', { name: OLIVIA, exact: true }).waitFor()
  await tabTo(OLIVIA)
  await page.keyboard.press('Enter')
  await page.getByRole('navigation', { name: 'Views' }).waitFor()

  await tabTo('Skip to content')
  await page.keyboard.press('Enter')
  assert.equal(await focused(), 'Now')
  await page.keyboard.press('Shift+Tab')
  await page.evaluate('document.activeElement.blur()')
  await tabTo('Reconnect')
  await page.keyboard.press('Enter')
  await page.getByLabel('Resource id of a backend').waitFor()
  // The heading of the new view has the focus, so that a screen reader reads it.
  assert.equal(await focused(), 'Reconnect')
  await tabTo('id')
  await page.keyboard.type(backend)
  await page.keyboard.press('Enter')
  await page.getByText(/It will be sent now/).waitFor()
  await tabTo('reason')
  await page.keyboard.type('by keyboard')
  await page.keyboard.press('Enter')
  await page.getByText(/It will be sent now/).waitFor()
  await tabTo('Confirm')
  await page.keyboard.press('Enter')
  await page.getByText('What happened').waitFor()
  assert.equal(await heading(), 'Operation')
  assert.match(await page.getByRole('main').innerText(), /by keyboard/)
})

story('the focus is visible on every element that takes it', async ({ openTab }) => {
  const { page, signInAs } = await openTab({ hash: '#/history' })
  await signInAs(OLIVIA)
  await page.getByText('Loading…').first().waitFor({ state: 'detached' })
  for (let presses = 0; presses < 15; presses += 1) {
    await page.keyboard.press('Tab')
    const [width, name] = await page.evaluate<[string, string]>(
      '[getComputedStyle(document.activeElement).outlineWidth, document.activeElement.outerHTML.slice(0, 80)]',
    )
    assert.equal(width, '3px', name)
  }
})

story('a narrow screen shows every view without scrolling sideways', async (room) => {
  const operation = await prepare(room)
  const { page, signInAs } = await room.openTab({ viewport: { width: 320, height: 640 } })
  await signInAs(OLIVIA)
  for (const [what, hash, text] of [
    ...VIEWS,
    ['one operation', `#/operations/${operation}`, 'What happened'] as const,
  ]) {
    await show(page, hash, text)
    const width = await page.evaluate<number>('document.documentElement.scrollWidth')
    assert.ok(width <= 320, `${what} is ${width} pixels wide`)
  }
})

story('nothing moves for a user who prefers reduced motion', async (room) => {
  const { page, signInAs } = await room.openTab({ reducedMotion: 'reduce' })
  await signInAs(OLIVIA)
  const moving = await page.evaluate<string[]>(
    `[...document.querySelectorAll('*')].filter((element) => {
      const { transitionDuration, animationName } = getComputedStyle(element)
      return transitionDuration !== '0s' || animationName !== 'none'
    }).map(({ outerHTML }) => outerHTML.slice(0, 80))`,
  )
  assert.deepEqual(moving, [])
})

story('a screen reader is told of a countdown once, and not every second', async (room) => {
  const operation = await prepare(room)
  const { page, signInAs } = await room.openTab({ hash: `#/operations/${operation}` })
  await signInAs(OLIVIA)
  const spoken = page.getByRole('status').filter({ hasText: 'The gateway reconnects at' })
  await spoken.waitFor()
  const before = await spoken.textContent()
  const countdown = page.locator('.tone').first()
  const shown = await countdown.textContent()
  await eventually(async () => (await countdown.textContent()) !== shown)
  assert.equal(await spoken.textContent(), before)
})

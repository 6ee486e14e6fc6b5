import assert from 'node:assert/strict'
import { consoleRoom, GUS, OLIVIA, RITA, type Tab } from './console-room.ts'

const story = consoleRoom()
const HISTORY = '#/history?state=forwarded'

/** Chooses a person, with a token that lives this long. */
async function signInFor({ page }: Tab, seconds: number): Promise<void> {
  const link = page.getByRole('link', { name: OLIVIA, exact: true })
  const address = new URL((await link.getAttribute('href')) ?? '', page.url())
  address.searchParams.set('lifetime', String(seconds))
  await page.goto(address.href)
  await page.getByRole('navigation', { name: 'Views' }).waitFor()
}

story(
  'the page signs in by itself and comes back to its place; code and token are kept nowhere',
  async ({ openTab }) => {
    const tab = await openTab({ hash: HISTORY })
    await tab.signInAs(OLIVIA)
    const { page } = tab
    assert.equal(new URL(page.url()).search, '')
    assert.equal(new URL(page.url()).hash, HISTORY)
    assert.equal(await tab.heading(), 'History')
    assert.deepEqual(await page.evaluate('[sessionStorage.length, localStorage.length, document.cookie]'), [0, 0, ''])
    assert.deepEqual(await page.context().cookies(), [])
    assert.deepEqual(await page.evaluate('indexedDB.databases()'), [])
  },
)

story('the API hears a bearer token and no cookie', async ({ sandbox, openTab }) => {
  const tab = await openTab()
  await tab.page.context().addCookies([{ name: 'AppServiceAuthSession', value: 'x', url: sandbox.info.proxy }])
  const asked: Record<string, string>[] = []
  tab.page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/operations')
      void request.allHeaders().then((headers) => asked.push(headers))
  })
  await tab.signInAs(OLIVIA)
  await tab.page.getByText('Nothing is going on.').waitFor()
  assert.ok(asked.length > 0)
  for (const headers of asked) {
    assert.match(headers['authorization'] ?? '', /^Bearer ey/)
    assert.equal(headers['cookie'], undefined)
  }
})

story('a user who declines reads why the sign-in failed, and is not sent to the issuer again', async ({ openTab }) => {
  const { page } = await openTab({ hash: HISTORY })
  await page.getByRole('link', { name: 'Cancel' }).click()
  await page.getByText(/Sign-in failed: .*declined/).waitFor()
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('link', { name: OLIVIA, exact: true }).click()
  await page.getByRole('heading', { name: 'History', level: 1 }).waitFor()
})

story('a browser that keeps no data for this site says so, and does not sign in for ever', async ({ openTab }) => {
  const { page, opened } = await openTab({
    initScript:
      "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('denied here', 'SecurityError') } })",
  })
  await page.getByText('The page cannot start').waitFor()
  await page.getByText('denied here').waitFor()
  assert.deepEqual(opened, ['/console'])
})

story('an answer of the issuer that this tab has not asked for is not redeemed', async ({ sandbox, openTab }) => {
  const { page } = await openTab()
  await page.getByRole('link', { name: OLIVIA, exact: true }).waitFor()
  // Another state than the one that was sent.
  await page.goto(`${sandbox.info.console}?code=stolen&state=guess`)
  await page.getByText(/Sign-in failed: /).waitFor()
  assert.equal(new URL(page.url()).search, '')
  // A tab that has asked for nothing begins a sign-in of its own.
  await page.goto(`${sandbox.info.console}?code=stolen&state=guess`)
  await page.getByRole('link', { name: OLIVIA, exact: true }).waitFor()
})

story(
  'a sign-in that expires in the middle leaves the page as it is, and comes back to the same place',
  async ({ openTab }) => {
    const tab = await openTab({ hash: '#/reconnect' })
    await signInFor(tab, 3)
    const { page } = tab
    await page.getByLabel('Resource id of a backend').fill('/half/typed')
    await page.getByText('Your sign-in has expired.').waitFor()
    assert.equal(await page.getByLabel('Resource id of a backend').inputValue(), '/half/typed')
    await page.getByRole('button', { name: 'Sign in again' }).first().click()
    await page.getByRole('link', { name: OLIVIA, exact: true }).click()
    await page.getByRole('heading', { name: 'Reconnect', level: 1 }).waitFor()
    assert.equal(await page.getByText('Your sign-in has expired.').count(), 0)
  },
)

story('a token that the app refuses is told as such', async ({ openTab }) => {
  const tab = await openTab({ hash: HISTORY })
  await signInFor(tab, -100)
  await tab.page.getByText('Your sign-in is not valid').first().waitFor()
  await tab.page.getByRole('button', { name: 'Sign in again' }).first().waitFor()
})

story(
  'a reader who tries to reconnect learns which grant is missing, and where to look',
  async ({ sandbox, openTab }) => {
    const backend = sandbox.info.backends[0] ?? ''
    const tab = await openTab({ hash: `#/reconnect?backend=${encodeURIComponent(backend)}` })
    await tab.signInAs(RITA)
    const note = tab.page.getByRole('alert')
    await note.waitFor()
    const text = await note.innerText()
    for (const part of ['You lack a grant', "action 'reconnect'", backend, 'Ask the team that keeps the policy'])
      assert.ok(text.includes(part), `${part} is missing in ${text}`)
    await note.getByRole('link', { name: 'What may I do' }).click()
    await tab.page.getByRole('heading', { name: 'What may I do', level: 1 }).waitFor()
  },
)

story('a guest without a grant sees nothing of others', async ({ openTab }) => {
  const { page, signInAs, go } = await openTab()
  await signInAs(GUS)
  await page.getByText('Nothing is going on.').waitFor()
  await go('#/history')
  await page.getByText('There is no operation like this that you may read.').waitFor()
})

story('another account is chosen with the same button, from anywhere', async ({ openTab }) => {
  const { page, signInAs } = await openTab({ hash: '#/grants' })
  await signInAs(GUS)
  await page.getByRole('button', { name: 'Switch account' }).click()
  await page.getByRole('link', { name: RITA, exact: true }).click()
  await page.getByRole('heading', { name: 'What may I do', level: 1 }).waitFor()
  await page.getByRole('navigation', { name: 'Views' }).waitFor()
})

story('an issuer that does not answer is told, with a button that tries again', async ({ sandbox, openTab }) => {
  sandbox.azure.faults.set([{ target: 'issuer', kind: '503' }])
  const { page, complaints } = await openTab()
  await page.getByText('The token issuer does not answer', { exact: false }).waitFor()
  // The failing answer has no CORS permission, which the browser mentions.
  assert.match(complaints.splice(0).join(), /^Access to fetch at '[^']*' [^,]*$/)
  sandbox.azure.faults.clear()
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('link', { name: OLIVIA, exact: true }).waitFor()
})

const withoutClient = consoleRoom({ env: { ENTRA_AUDIENCE: 'https://reconnect.example' } })
withoutClient('an app without a client id for the page says which setting is missing', async ({ openTab }) => {
  const { page } = await openTab()
  await page.getByText('RECONNECT_CONSOLE_CLIENT_ID', { exact: false }).waitFor()
})

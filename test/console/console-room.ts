import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { ALERT_PAYLOADS } from '../../sandbox/azure/alert-payloads.ts'
import { PEOPLE } from '../../sandbox/azure/directory.ts'
import type { Sandbox, SandboxOptions } from '../../sandbox/create-sandbox.ts'
import { signAlert } from '../../sandbox/sign-alert.ts'
import { startSandbox, type Scope } from '../support/start-sandbox.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A real browser. Undefined where there is none: the test then says that it did not run. */
export function findChromium(): string | undefined {
  return CHROMIUM.find((path) => existsSync(path))
}

const DID_NOT_RUN = 'DID NOT RUN: there is no Chromium here (Debian: apt-get install chromium)'

export async function launchChromium(executablePath: string): Promise<Browser> {
  // Its own sandbox needs rights that root in a container does not have; it opens pages of this machine only.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
}

export interface ConsoleRoom {
  readonly sandbox: Sandbox
  readonly browser: Browser
  openTab(options?: TabOptions): Promise<Tab>
}

/** Registers a test in a real browser. Without one the test is reported as skipped, and says so. */
export type Story = (title: string, story: (room: ConsoleRoom, t: TestContext) => Promise<void>) => void

/** One sandbox and one browser for the tests of a file; each tab has a session of its own. */
export function consoleRoom(options: SandboxOptions = {}): Story {
  const executable = findChromium()
  let opened: Promise<{ sandbox: Sandbox; browser: Browser }> | undefined
  const undo: (() => Promise<void>)[] = []
  const open = async (): Promise<{ sandbox: Sandbox; browser: Browser }> => {
    const sandbox = await startSandbox({ after: (stop) => void undo.push(stop) }, options)
    const browser = await launchChromium(executable as string)
    undo.push(() => browser.close())
    return { sandbox, browser }
  }
  after(async () => {
    for (const step of undo.toReversed()) await step()
  })
  return (title, story) =>
    void test(title, async (t) => {
      if (executable === undefined) return t.skip(DID_NOT_RUN)
      const { sandbox, browser } = await (opened ??= open())
      await story({ sandbox, browser, openTab: (tab) => openTab(t, browser, sandbox, tab) }, t)
    })
}

export interface Tab {
  readonly page: Page
  /** What the browser complained about: violations of the Content Security Policy, errors of the page. None is expected. */
  readonly complaints: string[]
  /** The paths of the documents that the tab has asked for so far, in order. */
  readonly opened: readonly string[]
  /** Signs in at the issuer's page, which the console opens by itself. */
  signInAs(name: string): Promise<void>
  /** Opens a place of the console as someone who is signed in. */
  go(hash: string): Promise<void>
  heading(): Promise<string>
}

export interface TabOptions extends BrowserContextOptions {
  readonly hash?: string
  /** Runs in each document before the page's own scripts. A page that is open leaves for the issuer by itself, so a test must not navigate it. */
  readonly initScript?: string
}

/** Opens the console in a tab of its own, with a session of its own. Its end asserts that the browser had nothing to complain about. */
export async function openTab(t: Scope, browser: Browser, sandbox: Sandbox, options: TabOptions = {}): Promise<Tab> {
  const { hash = '', initScript, ...contextOptions } = options
  const context = await browser.newContext(contextOptions)
  const page = await context.newPage()
  const complaints: string[] = []
  await page.addInitScript(
    'addEventListener("securitypolicyviolation", (event) => console.error("CSP violation: " + event.violatedDirective + " " + event.blockedURI))',
  )
  if (initScript !== undefined) await page.addInitScript(initScript)
  const opened: string[] = []
  page.on('request', (request) => {
    if (request.isNavigationRequest()) opened.push(new URL(request.url()).pathname)
  })
  page.on('console', (message) => {
    // An answer such as 403 is a line in the console of the browser, and no fault of the page.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [])
  })
  await page.goto(`${sandbox.info.console}${hash}`)
  return {
    page,
    complaints,
    opened,
    async signInAs(name) {
      await page.getByRole('link', { name, exact: true }).click()
      await page.getByRole('navigation', { name: 'Views' }).waitFor()
    },
    async go(next) {
      await page.evaluate(`location.hash = ${JSON.stringify(next)}`)
    },
    heading: () => page.getByRole('heading', { level: 1 }).innerText(),
  }
}

export const [OLIVIA, RITA, GUS] = PEOPLE.map(({ name }) => name) as [string, string, string]

export interface AlertChange {
  readonly firing?: boolean
  readonly labels?: Readonly<Record<string, unknown>>
  readonly fingerprint?: string
}

/** Sends one alert of Alertmanager, as `npm run alert` does. */
export async function sendAlert(
  { info }: Sandbox,
  backend: string,
  { firing = true, labels = {}, fingerprint }: AlertChange = {},
): Promise<{ readonly status: number; readonly outcomes: readonly string[] }> {
  const nowEpochMs = Date.now()
  const payload = ALERT_PAYLOADS.alertmanager({ backend, firing, nowEpochMs }) as { alerts: Record<string, unknown>[] }
  payload.alerts = payload.alerts.map((alert) => ({
    ...alert,
    labels: { ...(alert['labels'] as object), ...labels },
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }))
  const body = JSON.stringify(payload)
  const { headers } = signAlert('alertmanager', body, nowEpochMs, info.webhookSecrets, '')
  const answer = await fetch(`${info.proxy}/alerts/alertmanager`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  })
  const { alerts = [] } = (await answer.json()) as { alerts?: { outcome: string }[] }
  return { status: answer.status, outcomes: alerts.map(({ outcome }) => outcome) }
}

/** Waits until it is so. The policy of the page forbids `waitForFunction`, which compiles a text. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    assert.ok(tries < 300, 'it did not come to that')
    await delay(100)
  }
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds on the page as it is: rule and element, one line each. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    interface Result {
      readonly id: string
      readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
    }
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: readonly Result[] }> } }
    const { violations } = await axe.run()
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`),
    )
  })
}

/** `npm run console:screenshots`: writes the pictures of docs/console.md, each view with an incident in the sandbox. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createSandbox, PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { findBackend } from './backends.ts'
import { toSmallPng } from './small-png.ts'
import { eventually, findChromium, launchChromium, OLIVIA, openTab, sendAlert } from './console-room.ts'

const FOLDER = join(PROJECT_ROOT, 'docs/console')
const VIEWPORT = { width: 900, height: 420 }
/** An alert is delivered within this time. */
const DELIVERED_MS = 4_000

const executable = findChromium()
if (executable === undefined) throw new Error('there is no Chromium here (Debian: apt-get install chromium)')
const undo: (() => Promise<void>)[] = []
const scope = { after: (step: () => Promise<void>) => void undo.push(step) }
try {
  await mkdir(FOLDER, { recursive: true })
  const sandbox = await createSandbox({ onLog: false })
  undo.push(() => sandbox.stop())
  const browser = await launchChromium(executable)
  undo.push(() => browser.close())
  const { proxy, tokens } = sandbox.info
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${proxy}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${tokens.operator}`, ...(init.headers as Record<string, string>) },
    })
  const reconnect = (backend: string, reason: string): Promise<Response> =>
    ask(`${backend}/reconnect`, { method: 'POST', headers: { 'x-reconnect-reason': reason } })

  const [orders, payments, returns, shipping] = [
    findBackend('apim-prod', 'orders'),
    findBackend('apim-prod', 'payments'),
    findBackend('apim-dev', 'returns'),
    findBackend('apim-dev', 'shipping'),
  ]
  sandbox.azure.faults.set([
    { target: 'arm', kind: '409', times: 1, scope: returns },
    { target: 'arm', kind: '503', scope: shipping },
  ])
  await sendAlert(sandbox, orders, { fingerprint: 'f1f2f3f4f5f6f7f8' })
  await reconnect(payments, 'INC-4711: payments answers 503')
  await reconnect(returns, 'after the move to the new cluster')
  await sendAlert(sandbox, shipping)
  await sendAlert(sandbox, orders, { labels: { backend_id: 'not a backend' } })
  await ask('/pauses', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      scope: findBackend('apim-dev', 'invoices'),
      until: new Date(Date.now() + 3_600_000).toISOString(),
      reason: 'planned maintenance',
    }),
  })
  await delay(DELIVERED_MS)
  const { value } = (await (await ask(`/operations?backend=${encodeURIComponent(orders)}`)).json()) as {
    value: readonly { id: string }[]
  }

  const views: readonly (readonly [string, string, string])[] = [
    ['now', '#/', 'Due in'],
    ['choose', '#/reconnect?search=prod', 'backends'],
    ['reconnect', `#/reconnect?backend=${encodeURIComponent(payments)}`, 'It joins the reconnect'],
    ['operation', `#/operations/${value[0]?.id ?? ''}`, 'To copy'],
    ['history', '#/history', 'Asked for at'],
    ['webhook', '#/webhooks/alertmanager', 'Rule:'],
    ['pauses', '#/pauses', 'End it now'],
    ['grants', '#/grants', 'Your principals'],
  ]
  for (const [suffix, colorScheme, names] of [
    ['', 'light', views.map(([name]) => name)],
    ['-dark', 'dark', ['now']],
  ] as readonly (readonly [string, 'light' | 'dark', readonly string[]])[]) {
    const { page, signInAs } = await openTab(scope, browser, sandbox, { viewport: VIEWPORT, colorScheme })
    await signInAs(OLIVIA)
    for (const [name, hash, text] of views.filter(([view]) => names.includes(view))) {
      await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
      await page.getByRole('main').getByText(text, { exact: false }).first().waitFor()
      await eventually(async () => (await page.getByText('Loading…').count()) === 0)
      await save(`${name}${suffix}`, await page.screenshot({ fullPage: true }))
    }
  }
  const tab = await openTab(scope, browser, sandbox, { viewport: VIEWPORT })
  await tab.page.getByRole('link', { name: OLIVIA, exact: true }).waitFor()
  await save('sign-in', await tab.page.screenshot())
} finally {
  for (const step of undo.toReversed()) await step()
}

function save(name: string, png: Buffer): Promise<void> {
  return writeFile(join(FOLDER, `${name}.png`), toSmallPng(png))
}

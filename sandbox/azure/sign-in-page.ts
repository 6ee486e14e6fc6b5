import type { ServerResponse } from 'node:http'
import type { Person } from './directory.ts'

const SHORT_LIFETIME_SECONDS = 120

/** The page that takes the place of Entra's password prompt. Each choice is the same address with the person added. */
export function personChooser(response: ServerResponse, url: URL, people: readonly Person[]): void {
  const choice = (text: string, note: string, add: Readonly<Record<string, string>>): string => {
    const address = new URL(url)
    for (const [name, value] of Object.entries(add)) address.searchParams.set(name, value)
    return `<li><a href="${escapeHtml(address.pathname + address.search)}">${escapeHtml(text)}</a> <small>${escapeHtml(note)}</small></li>`
  }
  const [first] = people
  const choices = [
    ...people.map(({ name, objectId, about }) => choice(name, about, { person: objectId })),
    choice(`${first?.name} for two minutes`, 'the token expires soon', {
      person: first?.objectId ?? '',
      lifetime: String(SHORT_LIFETIME_SECONDS),
    }),
    choice('Cancel', 'as a user who declines', { person: 'none' }),
  ]
  send(response, 200, 'Pick an account', `<ul>${choices.join('')}</ul>`)
}

/** Shown to the person and sent to no address. */
export function signInProblem(response: ServerResponse, problem: string): void {
  send(response, 400, 'Sign-in failed', `<p>${escapeHtml(problem)}</p>`)
}

function send(response: ServerResponse, status: number, title: string, body: string): void {
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    })
    .end(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>` +
        '<style>:root{color-scheme:light dark}body{font:1.1rem/2 system-ui;margin:10vh auto;max-width:36rem;padding:0 1rem}</style>' +
        `<h1>${title}</h1>${body}<p><small>The simulated tenant of the sandbox. No password is needed.</small></p></html>`,
    )
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

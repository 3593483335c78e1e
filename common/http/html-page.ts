// Builds an HTML page for a person, with light and dark colours, readable on a phone. It also builds the content security policy of
// every page. No other site can frame the page, and the page loads only the sources in `scripts.policy`.

import { randomBytes } from 'node:crypto'
import type { HttpReply } from './server.ts'

export type Page = {
  title: string
  /** HTML. Texts in it must go through `escapeHtml`. */
  main: string
  status?: number
  /** For a page with scripts: `html` comes after `main`, and `policy` adds sources to the content security policy. */
  scripts?: { html: (nonce: string) => string; policy: readonly string[] }
}

export function page({ title, main, status = 200, scripts }: Page): HttpReply {
  const nonce = randomBytes(16).toString('base64')
  const policy = [
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    'img-src data:',
    `style-src 'nonce-${nonce}'`,
    ...(scripts ? [`script-src 'nonce-${nonce}'`, ...scripts.policy] : []),
  ]
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy.join('; '),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      vary: 'accept',
    },
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main>
${main}
</main>
${scripts ? scripts.html(nonce) : ''}
</body>
</html>
`,
  }
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A value as JavaScript for a `<script>` element. It is escaped, so that no text in it can end the element. */
export function scriptValue(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const STYLE = `
:root { color-scheme: light dark; --text: #1c2430; --dim: #566173; --line: #d8dee8; --box: #f4f6f9; --page: #fff; --link: #0b57c2; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ee; --dim: #a0aab9; --line: #343c49; --box: #1b212a; --page: #12161c; --link: #8ab8ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
h1 { margin: 0 0 .5rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: .5rem 0; }
a { color: var(--link); }
dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .6rem 1.2rem; margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
small { display: block; color: var(--dim); font-size: .875rem; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { margin: .5rem 0; padding: .75rem; border: 1px solid var(--line); border-radius: 6px; background: var(--box); white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; gap: .1rem; } dd { margin-bottom: .7rem; } }
`

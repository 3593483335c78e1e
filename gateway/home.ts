// The page at `/`: what Alkaid is, and its addresses. In development, a browser on this machine also gets Sandbox and curl commands
// for the demo app.

import type { TokenSettings } from '../common/access/tokens.ts'
import { escapeHtml, page } from '../common/http/html-page.ts'
import type { Handler } from '../common/http/server.ts'
import type { Settings } from '../common/service/settings.ts'
import { type DemoCommand, demoCommands, readDemo, tokenCommand } from './demo-requests.ts'
import { whyNotThisMachine } from './local-browser.ts'

export function homePage(settings: Settings, tokens: TokenSettings): Handler {
  const { production, dataDir } = settings
  return async (request) => {
    const isDeveloper = !production && whyNotThisMachine(request) === undefined
    const demo = isDeveloper ? await readDemo(dataDir) : undefined
    return page({
      title: 'Alkaid',
      main: [
        INTRODUCTION,
        '<h2>Where things are</h2>\n<dl>',
        entry(
          'Graph',
          code('POST /graphql'),
          'For admin frontends, with a token: <code>authorization: Bearer …</code>',
        ),
        isDeveloper
          ? entry(
              'Sandbox',
              link('/graphql'),
              "Try the graph in Apollo Sandbox. It is loaded from Apollo's servers, so this browser needs the internet.",
            )
          : '',
        entry(
          'Slots',
          code(demo?.urls.distribution ?? 'POST /graphql'),
          'For apps: persisted operations, with <code>x-app-key</code>. A distribution node answers them; the gateway passes them on.',
        ),
        entry(
          'Health',
          `${link('/livez')}, ${link('/readyz')}`,
          'Metrics are at <code>/metrics</code> of <code>METRICS_PORT</code>.',
        ),
        entry('Documentation', code('README.md'), 'In the repository, with <code>docs/</code> beside it.'),
        '</dl>',
        ...(demo ? ['<h2>Try the demo app</h2>', ...demoCommands(demo).map(demoCommand)] : []),
        isDeveloper && 'secret' in tokens.key ? tokenSection(settings) : '',
      ].join('\n'),
    })
  }
}

const INTRODUCTION = `<h1>Alkaid</h1>
<p>An app operation platform. Operators plan what every user sees in every slot of an app, reviewers approve it, and apps ask for
their slots.</p>`

function tokenSection({ dataDir }: Settings): string {
  return `<h2>Use it as an operator, a reviewer, a publisher</h2>
<p>Print a token, in the folder of Alkaid:</p>
<pre>${escapeHtml(tokenCommand('operator', dataDir))}</pre>`
}

function entry(name: string, what: string, explanation: string): string {
  return `<dt>${name}</dt><dd>${what}<small>${explanation}</small></dd>`
}

function demoCommand({ what, curl }: DemoCommand): string {
  return `<p>${escapeHtml(what)}:</p>\n<pre>${escapeHtml(curl)}</pre>`
}

function code(text: string): string {
  return `<code>${escapeHtml(text)}</code>`
}

function link(path: string): string {
  return `<a href="${path}">${path}</a>`
}

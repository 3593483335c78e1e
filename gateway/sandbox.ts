// Apollo Sandbox at `/graphql`, in development and only for browsers on this machine. It runs in our own page, with an admin token.
// Our page adds the token to each request that Sandbox sends. Apollo's own page would put the token into the address of a frame on
// Apollo's servers. Without internet access, our page explains what to do instead.

import { signToken, type TokenSettings } from '../common/access/tokens.ts'
import { escapeHtml, page, scriptValue } from '../common/http/html-page.ts'
import type { HttpReply, HttpRequest } from '../common/http/server.ts'
import type { Settings } from '../common/service/settings.ts'
import { tokenCommand } from './demo-requests.ts'
import { wantsPage, whyNotLocal, whyNotThisMachine } from './local-browser.ts'

/** The page, when a browser asks for one. Undefined for every other request. */
export type Sandbox = (request: HttpRequest) => Promise<HttpReply> | undefined

/** Undefined in production. The page has no token when an identity provider signs the tokens. */
export function createSandbox(settings: Settings, tokens: TokenSettings): Sandbox | undefined {
  if (settings.production) return undefined
  return (request) => (wantsPage(request) ? answer(request, settings, tokens) : undefined)
}

async function answer(request: HttpRequest, { dataDir }: Settings, tokens: TokenSettings): Promise<HttpReply> {
  const reason = whyNotLocal(request)
  if (reason !== undefined) return refusal(reason, request)
  // A new token for each page, so that it is valid for 12 hours from now.
  const token =
    'secret' in tokens.key ? await signToken(tokens, { actor: 'sandbox', roles: { '*': ['admin'] } }) : undefined
  return sandboxPage(token, dataDir)
}

function refusal(reason: string, request: HttpRequest): HttpReply {
  const isHere = whyNotThisMachine(request) === undefined
  const address = `http://localhost:${request.socket?.localPort}/graphql`
  return page({
    status: 403,
    title: 'Sandbox is for this machine only',
    main: `<h1>Sandbox is for this machine only</h1>
<p>It holds the token of an admin, and ${escapeHtml(reason)}.</p>
${isHere ? '<p><a href="/graphql">Open Sandbox</a></p>' : elsewhere(address)}`,
  })
}

function elsewhere(address: string): string {
  return `<p>On the machine that runs Alkaid, type <code>${address}</code> into the address bar. From elsewhere, send GraphQL to
this address with a token of your own: <code>npm run token -- --role viewer</code> prints one.</p>`
}

const CDN = 'https://embeddable-sandbox.cdn.apollographql.com'
const FRAME = 'https://sandbox.embed.apollographql.com'
/** Our page shows its help when Sandbox has not appeared after this time. */
const HELP_AFTER_MS = 10_000

function sandboxPage(token: string | undefined, dataDir: string): HttpReply {
  const viewer = token === undefined ? '...' : `$(${tokenCommand('viewer', dataDir)})`
  const headers = `-H 'content-type: application/json' -H "authorization: Bearer ${viewer}"`
  const query = '{"query":"{ schedules(app: \\"demo\\", first: 3) { nodes { name reviewState deliveryState } } }"}'
  return page({
    title: 'Alkaid: Apollo Sandbox',
    main: `<section id="help">
<h1>Apollo Sandbox</h1>
<p>Sandbox is loaded from Apollo's servers, so this browser needs the internet. If nothing else appears here, it has none, or
something keeps it from <code>${CDN}</code>.</p>
<p>The graph itself needs no internet. Ask it from a shell, in the folder of Alkaid:</p>
<pre id="curl">${escapeHtml(`curl -s http://localhost/graphql ${headers} -d '${query}'`)}</pre>
<p><a href="/">Where everything is</a></p>
</section>
<div id="sandbox"></div>`,
    scripts: {
      policy: ["connect-src 'self'", `frame-src ${FRAME}`],
      html: (nonce) => `<style nonce="${nonce}">${FRAME_STYLE}</style>
<script nonce="${nonce}" src="${CDN}/v2/embeddable-sandbox.umd.production.min.js"></script>
<script nonce="${nonce}">${script(token)}</script>`,
    },
  })
}

const FRAME_STYLE = `
body { display: flex; flex-direction: column; height: 100vh; }
main { display: contents; }
#help { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem; }
#help[hidden] { display: none; }
#sandbox { flex: 1; min-height: 0; }
iframe { display: block; width: 100%; height: 100%; border: 0; background: #fff; }
`

const WITH_TOKEN =
  '# Alkaid. What you send here has the token of an admin, unless you write another one under "Headers".'
const WITHOUT_TOKEN = '# Alkaid. Your identity provider signs the tokens: write one as `authorization` under "Headers".'

const DOCUMENT = `query Schedules($app: ID!) {
  schedules(app: $app, first: 10) {
    nodes {
      id
      name
      reviewState
      deliveryState
      slot {
        code
      }
      review {
        state
        decidedBy
      }
      delivery {
        publishedAt
        publishedBy
      }
    }
  }
}
`

/** The script of the page. Requests of Sandbox go through this page, and only to this graph. */
function script(token: string | undefined): string {
  return `
const help = document.getElementById('help')
const curl = document.getElementById('curl')
curl.textContent = curl.textContent.replace('http://localhost/graphql', location.origin + '/graphql')
const authorization = ${scriptValue(token === undefined ? null : `Bearer ${token}`)}
if (window.EmbeddedSandbox) {
  help.hidden = true
  const silent = setTimeout(() => { help.hidden = false }, ${HELP_AFTER_MS})
  addEventListener('message', ({ origin }) => {
    if (origin !== '${FRAME}') return
    clearTimeout(silent)
    help.hidden = true
  })
  new window.EmbeddedSandbox({
    target: '#sandbox',
    initialEndpoint: location.origin + '/graphql',
    endpointIsEditable: false,
    allowDynamicStyles: false,
    hideCookieToggle: true,
    runTelemetry: false,
    initialState: { document: ${scriptValue(`${token === undefined ? WITHOUT_TOKEN : WITH_TOKEN}\n${DOCUMENT}`)}, variables: { app: 'demo' } },
    handleRequest(_url, options) {
      const headers = new Headers(options.headers)
      if (authorization && !headers.has('authorization')) headers.set('authorization', authorization)
      return fetch('/graphql', { ...options, headers, credentials: 'omit' })
    },
  })
}
`
}

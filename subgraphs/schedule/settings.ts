// What the settings of an app may be. They reach browsers and devices, so each is checked for what it means, not
// only for its form.

import { z } from 'zod'
import { integer, text, withDefault } from '../../common/command/input.ts'
import { isOrigin } from '../../common/http/cors.ts'
import { zoneName } from '../../engine/time/wall-clock.ts'

/** Schemes that browsers and devices give a meaning of their own; an app's deep links are never these. */
const RESERVED_SCHEMES = new Set(
  'about blob chrome content data file filesystem ftp http intent jar javascript resource vbscript view-source ws wss'.split(
    ' ',
  ),
)

const linkScheme = text(64)
  .regex(/^[a-z][a-z0-9+.-]*$/, 'must be a scheme without `:`, as `[a-z][a-z0-9+.-]*`')
  .refine(
    (scheme) => !RESERVED_SCHEMES.has(scheme),
    'must be the scheme of an app: browsers and devices give this one a meaning of their own',
  )

const corsOrigin = text(300).refine(
  isAllowable,
  'must be an origin as browsers and web views send it, in small letters and without a path: `https://host[:port]`, `http:` only with a loopback host as `http://localhost:3000`, a scheme of web views as `capacitor://localhost`, `file://`, `null`, or `*`',
)

export const zone = text(64).transform((given, context) => {
  const name = zoneName(given)
  if (name !== undefined) return name
  context.addIssue({ code: 'custom', message: 'must be an IANA zone, as `Asia/Shanghai`' })
  return z.NEVER
})

/** The fields of an app that operators choose. */
export const appSettings = {
  name: text(200),
  zone: withDefault(zone, 'UTC'),
  linkSchemes: withDefault(z.array(linkScheme).max(20, 'must hold at most 20'), []),
  corsOrigins: withDefault(z.array(corsOrigin).max(100, 'must hold at most 100'), []),
  fourEyes: withDefault(z.boolean(), true),
  maxAgeSeconds: withDefault(integer(0, 3_600), 30),
  requestsPerSecond: withDefault(integer(1, 1_000_000), 10_000),
}

/** What `file:` pages send (Android: `file://`, others: `null`) is no origin of one app's own, but it is what they have. */
const ANY_PAGES = new Set(['*', 'null', 'file://'])

function isAllowable(text: string): boolean {
  if (ANY_PAGES.has(text)) return true
  // Whoever is on the way could change a page that came over `http:`.
  return isOrigin(text) && (!text.startsWith('http:') || LOOPBACK.test(new URL(text).hostname))
}

const LOOPBACK = /^(([a-z0-9-]+\.)*localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

// What the content of a creative may be: its texts, its link, its image and its free data.

import { z } from 'zod'
import { integer, optional, optionalText, text } from '../../common/command/input.ts'

const DATA_LIMITS = { bytes: 16 * 1024, depth: 32 } as const

const imageUrl = text(2_000).superRefine((url, context) => addIssue(context, httpsMistake(url)))
const data = z.unknown().superRefine((value, context) => addIssue(context, dataMistake(value)))

/** A CreativeContentInput. Its link is checked by `linkMistake`, because the allowed schemes depend on the app. */
export const contentInput = z.object({
  name: text(200),
  title: text(500),
  text: optionalText(5_000),
  image: optional(
    z.object({
      url: imageUrl,
      width: optional(integer(1, 20_000)),
      height: optional(integer(1, 20_000)),
      alt: optionalText(500),
    }),
  ),
  link: optionalText(2_000),
  data: optional(data),
})

function addIssue(context: z.RefinementCtx, mistake: string | undefined): void {
  if (mistake) context.addIssue({ code: 'custom', message: mistake })
}

// ---- Links. Devices of users open them, so only `https:` and the app's own schemes are allowed.

/**
 * Says what is wrong with a link; undefined when it is right.
 *
 * @param ownSchemes the `linkSchemes` of the app, as in `['myshop']` for `myshop://cart`.
 */
export function linkMistake(link: string, ownSchemes: readonly string[]): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(link)?.[1]?.toLowerCase()
  if (scheme === 'https') return httpsMistake(link)
  if (scheme !== undefined && ownSchemes.includes(scheme)) return urlMistake(link)
  const allowed = ['https', ...ownSchemes].map((name) => `${name}:`).join(', ')
  return `must begin with one of ${allowed}`
}

function httpsMistake(url: string): string | undefined {
  if (!/^https:\/\/[^/]/i.test(url)) return 'must begin with https:// and a host'
  const mistake = urlMistake(url)
  if (mistake) return mistake
  const { username, password } = new URL(url)
  if (username || password) return 'must not hold a user name or password'
  return undefined
}

function urlMistake(url: string): string | undefined {
  // Browsers drop tabs and line ends, and read a backslash as a slash. Such a URL leads elsewhere than it seems to.
  if (/[\s\p{Cc}\\]/u.test(url)) return 'must not hold spaces, control characters or backslashes'
  if (!URL.canParse(url)) return 'is not a URL'
  return undefined
}

// ---- Free data: small, not nested too deep, and with keys that MongoDB stores as they are. So the stored data is what was
// sent, and its hash stays right. Its texts are already checked (common/graphql/text-arguments.ts).

function dataMistake(data: unknown): string | undefined {
  const mistake = partMistake(data, 1)
  if (mistake) return mistake
  const bytes = Buffer.byteLength(JSON.stringify(data))
  return bytes > DATA_LIMITS.bytes ? `must be at most 16 KB as JSON, but has ${bytes} bytes` : undefined
}

function partMistake(part: unknown, depth: number): string | undefined {
  if (typeof part === 'number') return Number.isFinite(part) ? undefined : 'must hold finite numbers only'
  if (typeof part !== 'object' || part === null) return undefined
  if (depth > DATA_LIMITS.depth) return `must be nested at most ${DATA_LIMITS.depth} deep`
  const badKey = Array.isArray(part) ? undefined : Object.keys(part).find(isReservedKey)
  if (badKey !== undefined) return `must not have the key ${JSON.stringify(badKey)}: MongoDB gives it a meaning`
  for (const child of Object.values(part)) {
    const mistake = partMistake(child, depth + 1)
    if (mistake) return mistake
  }
  return undefined
}

/** MongoDB, its driver or JavaScript do not treat these as plain keys. */
function isReservedKey(key: string): boolean {
  return key.startsWith('$') || key === '_bsontype' || key === '__proto__'
}

// The environment -> typed settings. Every mistake is reported at once, one line each: the setting, what was expected
// and what came instead; never a credential.

import { z } from 'zod'
import type { TokenSettings } from './auth.ts'

export type Settings = {
  production: boolean
  host: string
  /** The gateway's port; distribution listens 10 above. 0: any free ones. */
  port: number
  dataDir: string
  /** Undefined: the embedded server. */
  mongodbUri: string | undefined
  /** Undefined: the channel is in process. */
  redisUrl: string | undefined
  tokens: Omit<TokenSettings, 'key'> & { key: TokenSettings['key'] | undefined }
  /** Undefined: development, the secret lives in `dataDir`. */
  signingSecret: string | undefined
  logLevel: string
}

const port = z
  .string()
  .regex(/^\d{1,5}$/, 'expected a number from 0 to 65525')
  .transform(Number)
  .refine((number) => number <= 65_525, 'expected a number from 0 to 65525')
const secret = z.string().min(32, 'expected at least 32 characters').optional()

function url(schemes: readonly string[]) {
  const expected = `expected a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`
  return z
    .string()
    .refine(
      (text) => schemes.some((scheme) => text.startsWith(`${scheme}://`) && text.length > scheme.length + 3),
      expected,
    )
    .optional()
}

const environment = z.object({
  NODE_ENV: z
    .enum(['development', 'production', 'test'], 'expected development, production or test')
    .default('development'),
  HOST: z.string().min(1, 'expected an address to listen on').default('127.0.0.1'),
  PORT: port.default(4000),
  DATA_DIR: z.string().min(1, 'expected a folder').default('.data'),
  MONGODB_URI: url(['mongodb', 'mongodb+srv']),
  REDIS_URL: url(['redis', 'rediss']),
  JWT_SECRET: secret,
  JWKS_URL: url(['https', 'http']),
  JWT_ISSUER: z.string().min(1, 'expected the issuer of tokens').default('alkaid'),
  JWT_AUDIENCE: z.string().min(1, 'expected the audience of tokens').default('alkaid'),
  SIGNING_SECRET: secret,
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'expected trace, debug, info, warn, error, fatal or silent',
    )
    .default('warn'),
})

/** A mistake in the settings; `message` has a line for each. */
export class SettingsError extends Error {
  override name = 'SettingsError'
}

/** Throws SettingsError. Empty variables count as not set. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment.safeParse(given)
  if (!parsed.success)
    throw new SettingsError(parsed.error.issues.map((issue) => describeIssue(issue, given)).join('\n'))
  const values = parsed.data
  const production = values.NODE_ENV === 'production'
  const mistakes = [
    values.JWT_SECRET && values.JWKS_URL ? 'JWT_SECRET and JWKS_URL: expected one of them, not both' : '',
    production && !values.JWT_SECRET && !values.JWKS_URL
      ? 'JWT_SECRET or JWKS_URL: expected one of them with NODE_ENV=production'
      : '',
    production && !values.SIGNING_SECRET
      ? 'SIGNING_SECRET: expected at least 32 characters with NODE_ENV=production'
      : '',
  ].filter(Boolean)
  if (mistakes.length > 0) throw new SettingsError(mistakes.join('\n'))
  return {
    production,
    host: values.HOST,
    port: values.PORT,
    dataDir: values.DATA_DIR,
    mongodbUri: values.MONGODB_URI,
    redisUrl: values.REDIS_URL,
    tokens: {
      issuer: values.JWT_ISSUER,
      audience: values.JWT_AUDIENCE,
      key: tokenKey(values.JWT_SECRET, values.JWKS_URL),
    },
    signingSecret: values.SIGNING_SECRET,
    logLevel: values.LOG_LEVEL,
  }
}

function tokenKey(shared: string | undefined, jwksUrl: string | undefined): TokenSettings['key'] | undefined {
  if (shared) return { secret: shared }
  return jwksUrl ? { jwksUrl } : undefined
}

const SHOWN = new Set(['NODE_ENV', 'HOST', 'PORT', 'DATA_DIR', 'LOG_LEVEL'])

function describeIssue(issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string {
  const name = String(issue.path[0])
  return SHOWN.has(name) ? `${name}: ${issue.message}, not ${JSON.stringify(given[name])}` : `${name}: ${issue.message}`
}

/** Text without the user and password of the URLs in it, even where these hold an `@` or a `/`. */
export function hideCredentials(text: string): string {
  return text.replace(/\/\/\S*@/g, '//***@')
}

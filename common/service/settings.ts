// Reads the environment into typed settings. All wrong settings are reported together, one line each: the setting, what was expected,
// and what came instead. A message never shows a credential.

import { availableParallelism } from 'node:os'
import { z } from 'zod'
import type { TokenSettings } from '../access/tokens.ts'
import { REDIS_SCHEMES } from '../channel/redis-url.ts'
import { DEFAULT_QUERY_LIMITS, type QueryLimits } from '../graphql/query-limits.ts'
import { isOrigin } from '../http/cors.ts'
import { OVERLOAD_LIMITS, type OverloadLimits } from '../lane/overload.ts'

export type Settings = {
  production: boolean
  host: string
  /** The port to listen on. With `npm start` it is the gateway's, and distribution listens 10 above. 0: any free port. */
  port: number
  /** The most connections at once, for each port except that of the metrics. */
  maxConnections: number
  /** The address of `/metrics`, `/livez` and `/readyz` for operators. */
  metricsHost: string
  /** 0: any free port. */
  metricsPort: number
  /** How many processes of distribution run behind its port, when it does not run in one process with everything else. */
  distributionWorkers: number
  dataDir: string
  /** Undefined: the embedded server. */
  mongodbUri: string | undefined
  /** Undefined: the channel is in process. */
  redisUrl: string | undefined
  tokens: Omit<TokenSettings, 'key'> & { key: TokenSettings['key'] | undefined }
  /** Undefined in development: then the secret is in `dataDir`. */
  signingSecret: string | undefined
  /** The secret that services in separate processes show each other. Undefined in development: then it is in `dataDir`. */
  serviceSecret: string | undefined
  /** The secrets before these. What was made with them is still valid. Undefined: no secret is being changed. */
  oldSecrets: { signing: string | undefined; service: string | undefined }
  /** Origins from which browsers may call the gateway with a token. */
  corsOrigins: readonly string[]
  /** Name of a service in `options.upstreams` -> the base URLs of its nodes, without a slash at the end. At least one. */
  upstreams: ReadonlyMap<string, readonly string[]>
  /** Requests of the gateway that may be under way at one service. */
  maxUpstreamRequests: number
  /** The most events in the event stream of the store, which is used without Redis. */
  maxStreamEvents: number
  /** How long it still serves after a signal, in ms, while `/readyz` already answers 503. */
  drainMs: number
  /** The limits on one query of a client with a token. */
  queryLimits: QueryLimits
  /** From when on requests of apps are refused, because there is too much work. */
  overload: OverloadLimits
  logLevel: string
}

/** A setting without which a service does not start alone. Outside production SERVICE_SECRET is made when it is missing. */
export type RequiredSetting = 'MONGODB_URI' | 'REDIS_URL' | 'SERVICE_SECRET'

/** What differs between the processes that read settings. */
export type SettingsOptions = {
  /** The default of PORT. */
  port?: number
  needs?: readonly RequiredSetting[]
  /** The URLs of each are read from `<NAME>_URL`. The default is its port on this machine. */
  upstreams?: readonly { name: string; port: number }[]
}

/** The services of one installation listen on PORT and up to ten ports above it. A test compares it with subgraphs/registry.ts. */
export const PORTS_OF_SERVICES = 10
const MAX_PORT = 65_535 - PORTS_OF_SERVICES

const port = z
  .string()
  .regex(/^\d{1,5}$/, `expected a number from 0 to ${MAX_PORT}`)
  .transform(Number)
  .refine((number) => number <= MAX_PORT, `expected a number from 0 to ${MAX_PORT}`)
const secret = z.string().min(32, 'expected at least 32 characters').optional()
// It is sent as an HTTP header.
const serviceSecret = secret.refine(
  (text) => text === undefined || /^[\x21-\x7e][\x20-\x7e]*[\x21-\x7e]$/.test(text),
  'expected printable characters of ASCII, without spaces around them',
)

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

const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine((list) => list.every(isOrigin), 'expected origins separated by commas, as https://admin.example.com')
const jwksUrl = z
  .string()
  .refine(
    (text) => /^https?:\/\/[^/@]+(\/|$)/.test(text) && URL.canParse(text),
    'expected a URL that begins with https:// or http://, without a user or password',
  )
  .optional()
/** One URL for each node of a service, for example `http://node-1:4010,http://node-2:4010`. */
const upstream = z
  .string()
  .transform((text) => text.split(',').map((one) => one.trim().replace(/\/+$/, '')))
  .refine(
    (urls) => urls.every((one) => /^https?:\/\/[^/]/.test(one) && URL.canParse(one)),
    'expected a URL as http://127.0.0.1:4001, or several, separated by commas',
  )
  .refine((urls) => new Set(urls).size === urls.length, 'expected each URL once')

const MOST_WORKERS = 256
const WORKERS_EXPECTED = `expected a whole number from 1 to ${MOST_WORKERS}, or auto (one for each core)`
const workers = z
  .string()
  .regex(/^([1-9]\d{0,2}|auto)$/, WORKERS_EXPECTED)
  .transform((text) => (text === 'auto' ? Math.min(availableParallelism(), MOST_WORKERS) : Number(text)))
  .refine((number) => number <= MOST_WORKERS, WORKERS_EXPECTED)

/** For the limits on a query, the maximum is so low that the subgraphs still accept the query plans (`common/graphql/subgraph.ts`). */
function limit(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,9}$/, expected)
    .transform(Number)
    .refine((number) => number >= min && number <= max, expected)
}

const environment = z.object({
  NODE_ENV: z
    .enum(['development', 'production', 'test'], 'expected development, production or test')
    .default('development'),
  HOST: z.string().min(1, 'expected an address to listen on').default('127.0.0.1'),
  PORT: port.default(4000),
  MAX_CONNECTIONS: z
    .string()
    .regex(/^[1-9]\d{0,6}$/, 'expected a number from 1 to 9999999')
    .transform(Number)
    .default(10_000),
  MAX_STREAM_EVENTS: limit(1_000, 100_000_000).default(1_000_000),
  MAX_UPSTREAM_REQUESTS: limit(1, 10_000).default(256),
  METRICS_HOST: z.string().min(1, 'expected an address to listen on').default('127.0.0.1'),
  METRICS_PORT: port.optional(),
  DISTRIBUTION_WORKERS: workers.default(1),
  DATA_DIR: z.string().min(1, 'expected a folder').default('.data'),
  MONGODB_URI: url(['mongodb', 'mongodb+srv']),
  REDIS_URL: url(REDIS_SCHEMES),
  JWT_SECRET: secret,
  JWT_SECRET_OLD: secret,
  JWKS_URL: jwksUrl,
  JWT_ISSUER: z.string().min(1, 'expected the issuer of tokens').default('alkaid'),
  JWT_AUDIENCE: z.string().min(1, 'expected the audience of tokens').default('alkaid'),
  SIGNING_SECRET: secret,
  SIGNING_SECRET_OLD: secret,
  SERVICE_SECRET: serviceSecret,
  SERVICE_SECRET_OLD: serviceSecret,
  CORS_ORIGINS: origins.default([]),
  DRAIN_SECONDS: z
    .string()
    .regex(/^\d{1,3}(\.\d+)?$/, 'expected a number from 0 to 300')
    .transform(Number)
    .refine((seconds) => seconds <= 300, 'expected a number from 0 to 300')
    .optional(),
  MAX_EVENT_LOOP_DELAY_MS: limit(10, 60_000).default(OVERLOAD_LIMITS.maxDelayMs),
  MAX_REQUESTS_IN_FLIGHT: limit(1, 100_000).default(OVERLOAD_LIMITS.maxInFlight),
  MAX_QUERY_TOKENS: limit(100, 50_000).default(DEFAULT_QUERY_LIMITS.tokens),
  MAX_QUERY_DEPTH: limit(1, 60).default(DEFAULT_QUERY_LIMITS.depth),
  MAX_QUERY_ALIASES: limit(0, 1_000).default(DEFAULT_QUERY_LIMITS.aliases),
  MAX_QUERY_DIRECTIVES: limit(0, 200).default(DEFAULT_QUERY_LIMITS.directives),
  MAX_QUERY_FIELDS: limit(1, 20_000).default(DEFAULT_QUERY_LIMITS.fields),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'expected trace, debug, info, warn, error, fatal or silent',
    )
    .default('warn'),
})

/** In production load balancers need time to notice. In development a person waits for the end. */
const DRAIN_SECONDS = 10
const SHORT_DRAIN_SECONDS = 1

/** Wrong settings. `message` has one line for each. */
export class SettingsError extends Error {
  override name = 'SettingsError'
}

/** Throws SettingsError. An empty variable counts as not set. */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  wanted: SettingsOptions = {},
): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const { port: defaultPort = 4000, needs = [], upstreams = [] } = wanted
  const parsed = environment.safeParse({ PORT: String(defaultPort), ...given })
  const urls = upstreamUrls(upstreams).safeParse(given)
  const mistakes = [
    ...[parsed, urls].flatMap(({ error }) => (error?.issues ?? []).map((issue) => describeIssue(issue, given))),
    ...mistakesTogether(given, needs),
  ]
  if (mistakes.length > 0 || !parsed.success || !urls.success) throw new SettingsError(mistakes.join('\n'))
  const values = parsed.data
  return {
    production: values.NODE_ENV === 'production',
    host: values.HOST,
    port: values.PORT,
    maxConnections: values.MAX_CONNECTIONS,
    metricsHost: values.METRICS_HOST,
    metricsPort: values.METRICS_PORT ?? metricsPortBeside(values.PORT),
    distributionWorkers: values.DISTRIBUTION_WORKERS,
    dataDir: values.DATA_DIR,
    mongodbUri: values.MONGODB_URI,
    redisUrl: values.REDIS_URL,
    tokens: {
      issuer: values.JWT_ISSUER,
      audience: values.JWT_AUDIENCE,
      key: tokenKey(values),
    },
    signingSecret: values.SIGNING_SECRET,
    serviceSecret: values.SERVICE_SECRET,
    oldSecrets: { signing: values.SIGNING_SECRET_OLD, service: values.SERVICE_SECRET_OLD },
    corsOrigins: values.CORS_ORIGINS,
    upstreams: new Map(upstreams.map(({ name }) => [name, urls.data[urlVariable(name)]!])),
    maxStreamEvents: values.MAX_STREAM_EVENTS,
    maxUpstreamRequests: values.MAX_UPSTREAM_REQUESTS,
    drainMs: (values.DRAIN_SECONDS ?? (values.NODE_ENV === 'production' ? DRAIN_SECONDS : SHORT_DRAIN_SECONDS)) * 1000,
    queryLimits: {
      ...DEFAULT_QUERY_LIMITS,
      tokens: values.MAX_QUERY_TOKENS,
      depth: values.MAX_QUERY_DEPTH,
      aliases: values.MAX_QUERY_ALIASES,
      directives: values.MAX_QUERY_DIRECTIVES,
      fields: values.MAX_QUERY_FIELDS,
    },
    overload: { maxDelayMs: values.MAX_EVENT_LOOP_DELAY_MS, maxInFlight: values.MAX_REQUESTS_IN_FLIGHT },
    logLevel: values.LOG_LEVEL,
  }
}

/** The variable with the URLs of a service, for example `SCHEDULE_URL`. */
export function urlVariable(name: string): string {
  return `${name.toUpperCase()}_URL`
}

function upstreamUrls(upstreams: NonNullable<SettingsOptions['upstreams']>) {
  return z.object(
    Object.fromEntries(
      upstreams.map(({ name, port }) => [urlVariable(name), upstream.default([`http://127.0.0.1:${port}`])]),
    ),
  )
}

const METRICS_OFFSET = 100

/** 100 above the port: 4100 for 4000. So it meets no port of a service. Where there is no room above, it is below. */
function metricsPortBeside(port: number): number {
  if (port === 0) return 0
  return port + METRICS_OFFSET <= MAX_PORT ? port + METRICS_OFFSET : port - METRICS_OFFSET - PORTS_OF_SERVICES
}

const NEEDED: Record<RequiredSetting, string> = {
  MONGODB_URI: 'expected a MongoDB replica set or sharded cluster: a service that runs alone has no embedded one',
  REDIS_URL: 'expected a Redis: a service that runs alone has no other way to the rest',
  SERVICE_SECRET: 'expected at least 32 characters, the same for all services, with NODE_ENV=production',
}

/** Secrets that can be changed without an outage, by `<NAME>_OLD`. */
const WITH_OLD = ['JWT_SECRET', 'SIGNING_SECRET', 'SERVICE_SECRET'] as const

/** Mistakes that only show when several settings are read together. */
function mistakesTogether(given: Record<string, string | undefined>, needs: readonly RequiredSetting[]): string[] {
  const production = given.NODE_ENV === 'production'
  const missing = needs.filter((name) => !given[name] && (production || name !== 'SERVICE_SECRET'))
  return [
    ...missing.map((name) => `${name}: ${NEEDED[name]}`),
    ...WITH_OLD.filter((name) => given[`${name}_OLD`] && !given[name]).map(
      (name) => `${name}: expected the new secret beside ${name}_OLD, which is the one before it`,
    ),
    ...WITH_OLD.filter((name) => given[name] && given[name] === given[`${name}_OLD`]).map(
      (name) => `${name}_OLD: expected the secret before ${name}, not the same one`,
    ),
    given.JWT_SECRET && given.JWKS_URL ? 'JWT_SECRET and JWKS_URL: expected one of them, not both' : '',
    production && !given.JWT_SECRET && !given.JWKS_URL
      ? 'JWT_SECRET or JWKS_URL: expected one of them with NODE_ENV=production'
      : '',
    production && !given.SIGNING_SECRET
      ? 'SIGNING_SECRET: expected at least 32 characters with NODE_ENV=production'
      : '',
  ].filter(Boolean)
}

function tokenKey({
  JWT_SECRET: shared,
  JWT_SECRET_OLD: old,
  JWKS_URL: keySet,
}: z.output<typeof environment>): TokenSettings['key'] | undefined {
  if (shared) return { secret: shared, old }
  return keySet ? { jwksUrl: keySet } : undefined
}

const SHOWN = new Set([
  'NODE_ENV',
  'HOST',
  'PORT',
  'METRICS_HOST',
  'METRICS_PORT',
  'DISTRIBUTION_WORKERS',
  'DATA_DIR',
  'LOG_LEVEL',
  'CORS_ORIGINS',
  'DRAIN_SECONDS',
])

function describeIssue(issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string {
  const name = String(issue.path[0])
  const isShown = SHOWN.has(name) || name.startsWith('MAX_')
  return isShown ? `${name}: ${issue.message}, not ${JSON.stringify(given[name])}` : `${name}: ${issue.message}`
}

/** Hides the user and password of each URL in a text, even when the password contains `@` or `/`. */
export function hideCredentials(text: string): string {
  return text.replace(/\/\/\S*@/g, '//***@')
}

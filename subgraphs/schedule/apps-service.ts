// The mutations of apps: create, update, rotate the key. The settings of an app reach browsers and devices. So each setting is
// checked for its meaning, and not only for its form. After the commit, the distribution nodes get the new settings; a failure
// there does not fail the mutation.

import { z } from 'zod'
import { announceApp } from '../../common/apps/announce.ts'
import { addAppKey, appForLog, changeApp, getApp, insertApp, newAppKey, requireApp } from '../../common/apps/apps.ts'
import { badInput } from '../../common/base/errors.ts'
import {
  expectedVersion,
  idempotencyKey,
  integer,
  parseInput,
  reference,
  text,
  withDefault,
} from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { isOrigin } from '../../common/http/cors.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { changesNothing, parsePatch, zone } from './inputs.ts'

/** The code of an app, and its new key. The key is null when the call repeats an earlier one: only a hash is stored. */
export type AppKeyResult = { app: string; key: string | null }

const HOUR_MS = 3_600_000

/** Browsers and devices handle these schemes themselves. So they cannot be the scheme of an app's deep links. */
const RESERVED_SCHEMES = new Set(
  'about blob chrome content data file filesystem ftp http intent jar javascript resource vbscript view-source ws wss'.split(
    ' ',
  ),
)

const linkScheme = text(64)
  .regex(/^[a-z][a-z0-9+.-]*$/, 'must be a scheme without `:`, as `[a-z][a-z0-9+.-]*`')
  .refine(
    (scheme) => !RESERVED_SCHEMES.has(scheme),
    'must be a scheme of the app: browsers and devices handle this one themselves',
  )

const corsOrigin = text(300).refine(
  isAllowedOrigin,
  'must be an origin as browsers and web views send it, in small letters and without a path: `https://host[:port]`, `http:` only with a loopback host as `http://localhost:3000`, a scheme of web views as `capacitor://localhost`, `file://`, `null`, or `*`',
)

/** The settings of an app that operators choose. */
const appSettings = {
  name: text(200),
  zone: withDefault(zone, 'UTC'),
  linkSchemes: withDefault(z.array(linkScheme).max(20, 'must hold at most 20'), []),
  corsOrigins: withDefault(z.array(corsOrigin).max(100, 'must hold at most 100'), []),
  fourEyes: withDefault(z.boolean(), true),
  maxAgeSeconds: withDefault(integer(0, 3_600), 30),
  requestsPerSecond: withDefault(integer(1, 1_000_000), 10_000),
}

const createInput = z.object({
  code: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be 1 to 64 of a-z, 0-9 and -, and not begin with -'),
  ...appSettings,
  idempotencyKey,
})

const rotateInput = z.object({
  app: reference,
  expectedVersion,
  graceHours: withDefault(integer(0, 720), 24),
  idempotencyKey,
})

/** Creates an app and its first key. */
export async function createApp(services: Services, caller: Caller, rawInput: unknown): Promise<AppKeyResult> {
  const input = parseInput(createInput, rawInput)
  const { key, hash } = newAppKey()
  const { id, repeated } = await mutate(services, caller, 'createApp', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const { code, idempotencyKey: _, ...settings } = input
    mutation.authorize(code)
    if (await getApp(tx, code)) throw badInput('input.code', `the app ${JSON.stringify(code)} exists already`)
    const app = await insertApp(tx, { _id: code, ...settings, createdAt: at, createdBy: actor }, hash)
    await mutation.log(code, { type: 'APP', id: code }, null, appForLog(app))
    return code
  })
  return announceNewKey(services, id, key, repeated)
}

/** Changes the settings that the input names. Writes nothing when nothing changes. Returns the code of the app. */
export async function updateApp(services: Services, caller: Caller, rawInput: object): Promise<string> {
  const input = parsePatch({ app: reference, expectedVersion, idempotencyKey }, appSettings, rawInput)
  const { id, repeated } = await mutate(services, caller, 'updateApp', input, async (mutation) => {
    const { app, expectedVersion, idempotencyKey: _, ...settings } = input
    mutation.authorize(app)
    const before = await requireApp(mutation.tx, app)
    checkVersion('app', before, expectedVersion)
    if (changesNothing(before, settings)) return app
    const after = await changeApp(mutation.tx, before, settings)
    await mutation.log(app, { type: 'APP', id: app }, appForLog(before), appForLog(after))
    return app
  })
  if (!repeated) await announceApp(services, id)
  return id
}

/** Creates a new key. Earlier keys stop working after `graceHours`. */
export async function rotateAppKey(services: Services, caller: Caller, rawInput: unknown): Promise<AppKeyResult> {
  const input = parseInput(rotateInput, rawInput)
  const { key, hash } = newAppKey()
  const { id, repeated } = await mutate(services, caller, 'rotateAppKey', input, async (mutation) => {
    const { tx, at } = mutation
    mutation.authorize(input.app)
    const graceEnds = new Date(at.getTime() + input.graceHours * HOUR_MS)
    const { before, after } = await addAppKey(tx, input.app, input.expectedVersion, { hash, now: at, graceEnds })
    await mutation.log(input.app, { type: 'APP', id: input.app }, appForLog(before), appForLog(after))
    return input.app
  })
  return announceNewKey(services, id, key, repeated)
}

async function announceNewKey(services: Services, app: string, key: string, repeated: boolean): Promise<AppKeyResult> {
  if (repeated) return { app, key: null }
  await announceApp(services, app)
  return { app, key }
}

/** Pages from files send `file://` (Android) or `null`. These origins do not belong to one app, but such pages send no other. */
const SHARED_ORIGINS = new Set(['*', 'null', 'file://'])

function isAllowedOrigin(origin: string): boolean {
  if (SHARED_ORIGINS.has(origin)) return true
  // A page that came over `http:` could have been changed on its way.
  return isOrigin(origin) && (!origin.startsWith('http:') || LOOPBACK.test(new URL(origin).hostname))
}

const LOOPBACK = /^(([a-z0-9-]+\.)*localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

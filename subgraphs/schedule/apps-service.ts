// The rules of apps: how they and their keys are made. Nodes are told after the commit; that never fails a mutation.

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
  withDefault,
} from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { changesNothing, parsePatch } from './patch.ts'
import { appSettings } from './settings.ts'

/** The code of an app, and its new key: null when the call repeats an earlier one, since only a hash is kept. */
export type ShownKey = { app: string; key: string | null }

const HOUR_MS = 3_600_000

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

/** Makes an app and its first key. */
export async function createApp(services: Services, caller: Caller, given: unknown): Promise<ShownKey> {
  const input = parseInput(createInput, given)
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
  return showOnce(services, id, key, repeated)
}

/** Changes the settings that are named; the rest stays. Where that changes nothing, nothing is written. Answers the code of the app. */
export async function updateApp(services: Services, caller: Caller, given: object): Promise<string> {
  const input = parsePatch({ app: reference, expectedVersion, idempotencyKey }, appSettings, given)
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

/** Makes a new key; the ones before it end after `graceHours`. */
export async function rotateAppKey(services: Services, caller: Caller, given: unknown): Promise<ShownKey> {
  const input = parseInput(rotateInput, given)
  const { key, hash } = newAppKey()
  const { id, repeated } = await mutate(services, caller, 'rotateAppKey', input, async (mutation) => {
    const { tx, at } = mutation
    mutation.authorize(input.app)
    const graceEnds = new Date(at.getTime() + input.graceHours * HOUR_MS)
    const { before, after } = await addAppKey(tx, input.app, input.expectedVersion, { hash, now: at, graceEnds })
    await mutation.log(input.app, { type: 'APP', id: input.app }, appForLog(before), appForLog(after))
    return input.app
  })
  return showOnce(services, id, key, repeated)
}

async function showOnce(services: Services, app: string, key: string, repeated: boolean): Promise<ShownKey> {
  if (repeated) return { app, key: null }
  await announceApp(services, app)
  return { app, key }
}

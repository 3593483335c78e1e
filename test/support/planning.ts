// The three subgraphs in which operators plan (schedule, creative, strategy) on one store, and their mutations as a
// table, so that what holds for every mutation is tested on every one.

import type { Action } from '../../common/access/rights.ts'
import { canonicalJson } from '../../common/base/content-hash.ts'
import type { Services } from '../../common/command/services.ts'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { creative } from '../../subgraphs/creative/app.ts'
import { schedule } from '../../subgraphs/schedule/app.ts'
import { strategy } from '../../subgraphs/strategy/app.ts'
import { fakeClock, startTestSubgraph, type TestSubgraph, testServices } from './subgraphs.ts'

export type Planning = {
  services: Services
  clock: ReturnType<typeof fakeClock>
  schedule: TestSubgraph
  creative: TestSubgraph
  strategy: TestSubgraph
  stop(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: tests build inputs, wrong ones among them
export type Input = Record<string, any>

export async function startPlanning(store: Store, change: Partial<Services> = {}): Promise<Planning> {
  const clock = fakeClock()
  const services = { ...testServices(store, clock.now), ...change }
  const [a, b, c] = await Promise.all([
    startTestSubgraph(schedule, services),
    startTestSubgraph(creative, services),
    startTestSubgraph(strategy, services),
  ])
  const stop = async () => void (await Promise.all([a, b, c].map(({ subgraph }) => subgraph.stop())))
  return { services, clock, schedule: a, creative: b, strategy: c, stop }
}

let codes = 0

/** A code that no app or slot of this process has. */
export function freshCode(): string {
  codes += 1
  return `code-${codes}`
}

const HEAD = 'id version revision reviewState'

/** The mutations as texts. Each takes `$input`. */
const texts = {
  createApp: 'mutation ($input: CreateAppInput!) { createApp(input: $input) { app { id version } key } }',
  updateApp: 'mutation ($input: UpdateAppInput!) { updateApp(input: $input) { id version name } }',
  rotateAppKey: 'mutation ($input: RotateAppKeyInput!) { rotateAppKey(input: $input) { app { id version } key } }',
  createSlot: 'mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id version code } }',
  updateSlot: 'mutation ($input: UpdateSlotInput!) { updateSlot(input: $input) { id version name } }',
  archiveSlot: 'mutation ($input: ArchiveInput!) { archiveSlot(input: $input) { id version archivedAt } }',
  createSchedule: `mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { ${HEAD} } }`,
  reviseSchedule: `mutation ($input: ReviseScheduleInput!) { reviseSchedule(input: $input) { ${HEAD} } }`,
  duplicateSchedule: `mutation ($input: DuplicateScheduleInput!) { duplicateSchedule(input: $input) { ${HEAD} name } }`,
  archiveSchedule: `mutation ($input: ArchiveInput!) { archiveSchedule(input: $input) { ${HEAD} archivedAt } }`,
  createCreative: `mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { ${HEAD} } }`,
  reviseCreative: `mutation ($input: ReviseCreativeInput!) { reviseCreative(input: $input) { ${HEAD} } }`,
  archiveCreative: `mutation ($input: ArchiveInput!) { archiveCreative(input: $input) { ${HEAD} archivedAt } }`,
  createStrategy: `mutation ($input: CreateStrategyInput!) { createStrategy(input: $input) { ${HEAD} } }`,
  reviseStrategy: `mutation ($input: ReviseStrategyInput!) { reviseStrategy(input: $input) { ${HEAD} } }`,
  archiveStrategy: `mutation ($input: ArchiveInput!) { archiveStrategy(input: $input) { ${HEAD} archivedAt } }`,
  createSegment: `mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { ${HEAD} } }`,
  reviseSegment: `mutation ($input: ReviseSegmentInput!) { reviseSegment(input: $input) { ${HEAD} } }`,
  archiveSegment: `mutation ($input: ArchiveInput!) { archiveSegment(input: $input) { ${HEAD} archivedAt } }`,
} as const satisfies Partial<Record<Action, string>>

export type PlanningMutation = keyof typeof texts

export const MUTATIONS = Object.keys(texts) as PlanningMutation[]

/** Those on something that exists. */
export const CHANGES = [
  'updateApp',
  'rotateAppKey',
  'updateSlot',
  'archiveSlot',
  'reviseSchedule',
  'archiveSchedule',
  'reviseCreative',
  'archiveCreative',
  'reviseStrategy',
  'archiveStrategy',
  'reviseSegment',
  'archiveSegment',
] as const

/** What the change log calls what each mutation changes. */
export const SUBJECTS: Record<PlanningMutation, Change['subject']['type']> = {
  createApp: 'APP',
  updateApp: 'APP',
  rotateAppKey: 'APP',
  createSlot: 'SLOT',
  updateSlot: 'SLOT',
  archiveSlot: 'SLOT',
  createSchedule: 'SCHEDULE',
  reviseSchedule: 'SCHEDULE',
  duplicateSchedule: 'SCHEDULE',
  archiveSchedule: 'SCHEDULE',
  createCreative: 'CREATIVE',
  reviseCreative: 'CREATIVE',
  archiveCreative: 'CREATIVE',
  createStrategy: 'STRATEGY',
  reviseStrategy: 'STRATEGY',
  archiveStrategy: 'STRATEGY',
  createSegment: 'SEGMENT',
  reviseSegment: 'SEGMENT',
  archiveSegment: 'SEGMENT',
}

export function subgraphOf(planning: Planning, mutation: PlanningMutation): TestSubgraph {
  if (mutation.endsWith('Creative')) return planning.creative
  if (mutation.endsWith('Strategy') || mutation.endsWith('Segment')) return planning.strategy
  return planning.schedule
}

/** Runs a mutation as an admin; throws when it fails. */
export function run(planning: Planning, mutation: PlanningMutation, input: Input, actor = 'admin') {
  return subgraphOf(planning, mutation).must(actor, texts[mutation], { input })
}

/** Runs a mutation that is to fail; its first error. */
export async function failure(planning: Planning, mutation: PlanningMutation, input: Input, actor = 'admin') {
  const { errors } = await subgraphOf(planning, mutation).ask(actor, texts[mutation], { input })
  if (!errors?.[0]) throw new Error(`${mutation} did not fail`)
  const { message, extensions } = errors[0]
  return { message, code: extensions?.code, path: extensions?.path, currentVersion: extensions?.currentVersion }
}

/** The id of what a mutation answered; an app's is its code. */
export const idIn = (answer: { id?: string; app?: { id: string } }): string => answer.id ?? answer.app!.id

export async function makeApp(planning: Planning, more: Input = {}): Promise<string> {
  return idIn(await run(planning, 'createApp', { code: freshCode(), name: 'An app', ...more }))
}

export async function makeSlot(planning: Planning, app: string, more: Input = {}): Promise<string> {
  return idIn(await run(planning, 'createSlot', { app, code: freshCode(), name: 'A slot', ...more }))
}

export async function makeCreative(planning: Planning, app: string, content: Input = {}): Promise<string> {
  return idIn(
    await run(planning, 'createCreative', { app, content: { name: 'A creative', title: 'Hello', ...content } }),
  )
}

export async function makeStrategy(planning: Planning, app: string, content: Input = {}): Promise<string> {
  return idIn(await run(planning, 'createStrategy', { app, content: { name: 'A strategy', ...content } }))
}

/** A comparison that any constraint may hold. */
export const VIP = { dimension: 'tags', operator: 'IN', values: ['vip'] }

export async function makeSegment(planning: Planning, app: string, content: Input = {}): Promise<string> {
  const whole = { name: 'A segment', constraint: VIP, ...content }
  return idIn(await run(planning, 'createSegment', { app, content: whole }))
}

export async function makeSchedule(planning: Planning, app: string, content: Input = {}): Promise<string> {
  return idIn(await run(planning, 'createSchedule', await inputFor(planning, 'createSchedule', app, content)))
}

/** Ids of things made in an app, in the order of their lists: slots by code, the others newest first. */
export type Made = Record<'slots' | 'schedules' | 'creatives' | 'strategies', string[]>

/** Makes so many of each, a millisecond apart; each schedule is alone in its slot, with its own creative and strategy. */
export async function makeMany(planning: Planning, app: string, count: number): Promise<Made> {
  const ids: Made = { slots: [], schedules: [], creatives: [], strategies: [] }
  for (let made = 0; made < count; made++) {
    planning.clock.advance(1)
    const creative = await makeCreative(planning, app)
    const strategy = await makeStrategy(planning, app)
    const slot = await makeSlot(planning, app, { code: `slot-${String(made).padStart(6, '0')}`, fallback: [creative] })
    const content = { name: `Schedule ${made}`, creatives: [{ creative }], strategy }
    const schedule = idIn(await run(planning, 'createSchedule', { app, slot, content }))
    ids.creatives.unshift(creative)
    ids.strategies.unshift(strategy)
    ids.schedules.unshift(schedule)
    ids.slots.push(slot)
  }
  return ids
}

/** An input with which the mutation succeeds, on things of its own in an app; no two are alike. */
export async function inputFor(
  planning: Planning,
  mutation: PlanningMutation,
  app: string,
  content: Input = {},
): Promise<Input> {
  const of = (id: string) => ({ id, expectedVersion: 1 })
  const booking = async () => ({
    name: 'A schedule',
    creatives: [{ creative: await makeCreative(planning, app) }],
    ...content,
  })
  const inputs: Record<PlanningMutation, () => Promise<Input>> = {
    createApp: async () => ({ code: freshCode(), name: 'An app' }),
    updateApp: async () => ({ app: await makeApp(planning), expectedVersion: 1, name: 'Anew' }),
    rotateAppKey: async () => ({ app: await makeApp(planning), expectedVersion: 1 }),
    createSlot: async () => ({ app, code: freshCode(), name: 'A slot' }),
    updateSlot: async () => ({ ...of(await makeSlot(planning, app)), name: 'Anew' }),
    archiveSlot: async () => of(await makeSlot(planning, app)),
    createSchedule: async () => ({ app, slot: await makeSlot(planning, app), content: await booking() }),
    reviseSchedule: async () => ({ ...of(await makeSchedule(planning, app)), content: await booking() }),
    duplicateSchedule: async () => of(await makeSchedule(planning, app)),
    archiveSchedule: async () => of(await makeSchedule(planning, app)),
    createCreative: async () => ({ app, content: { name: freshCode(), title: 'Hello', ...content } }),
    reviseCreative: async () => ({
      ...of(await makeCreative(planning, app)),
      content: { name: 'A creative', title: 'Anew', ...content },
    }),
    createStrategy: async () => ({ app, content: { name: freshCode(), ...content } }),
    archiveCreative: async () => of(await makeCreative(planning, app)),
    reviseStrategy: async () => ({ ...of(await makeStrategy(planning, app)), content: { name: 'Anew', ...content } }),
    archiveStrategy: async () => of(await makeStrategy(planning, app)),
    createSegment: async () => ({ app, content: { name: freshCode(), constraint: VIP, ...content } }),
    reviseSegment: async () => ({
      ...of(await makeSegment(planning, app)),
      content: { name: 'Anew', constraint: VIP, ...content },
    }),
    archiveSegment: async () => of(await makeSegment(planning, app)),
  }
  return inputs[mutation]()
}

/** Everything that the database holds, as text: equal texts say that nothing changed. */
export async function everythingIn({ client, database }: Store): Promise<string> {
  const db = client.db(database)
  const names = (await db.listCollections().toArray()).map(({ name }) => name).sort()
  const collections: Record<string, unknown> = {}
  for (const name of names) collections[name] = await db.collection(name).find().sort({ _id: 1 }).toArray()
  return canonicalJson(collections)
}

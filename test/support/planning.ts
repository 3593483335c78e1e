// The three subgraphs in which operators plan (schedule, creative, strategy) on one store, and things that are made in them. The inputs of
// all mutations are in mutation-inputs.ts.

import { canonicalJson } from '../../common/base/content-hash.ts'
import type { Services } from '../../common/command/services.ts'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { creative } from '../../subgraphs/creative/app.ts'
import { schedule } from '../../subgraphs/schedule/app.ts'
import { strategy } from '../../subgraphs/strategy/app.ts'
import { mutationOf } from './mutations.ts'
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

const HEAD = 'id version revision reviewState name archivedAt'

/** Type of an answer -> what the tests ask for. */
const ANSWERS: Record<string, string> = {
  App: 'id version name',
  AppWithKey: 'app { id version } key',
  Slot: 'id version code name archivedAt',
  Schedule: HEAD,
  Creative: HEAD,
  Strategy: HEAD,
  Segment: HEAD,
}

function textOf(mutation: string): string {
  const { name, input, answer } = mutationOf(mutation)
  return `mutation ($input: ${input}!) { ${name}(input: $input) { ${ANSWERS[answer]} } }`
}

/** What the change log calls the thing that a mutation changes. */
export function subjectOf(mutation: string): Change['subject']['type'] {
  return mutationOf(mutation).answer.replace('WithKey', '').toUpperCase() as Change['subject']['type']
}

function subgraphOf(planning: Planning, mutation: string): TestSubgraph {
  return planning[mutationOf(mutation).graph as 'schedule' | 'creative' | 'strategy']
}

/** Runs a mutation as an admin; throws when it fails. */
export function run(planning: Planning, mutation: string, input: Input, actor = 'admin') {
  return subgraphOf(planning, mutation).must(actor, textOf(mutation), { input })
}

/** Runs a mutation that is to fail; its first error. */
export async function failure(planning: Planning, mutation: string, input: Input, actor = 'admin') {
  const { errors } = await subgraphOf(planning, mutation).ask(actor, textOf(mutation), { input })
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
  const creatives = content.creatives ?? [{ creative: await makeCreative(planning, app) }]
  const input = { app, slot: await makeSlot(planning, app), content: { name: 'A schedule', ...content, creatives } }
  return idIn(await run(planning, 'createSchedule', input))
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

/** Everything that the database holds, as text: equal texts say that nothing changed. */
export async function everythingIn({ client, database }: Store): Promise<string> {
  const db = client.db(database)
  const names = (await db.listCollections().toArray()).map(({ name }) => name).sort()
  const collections: Record<string, unknown> = {}
  for (const name of names) collections[name] = await db.collection(name).find().sort({ _id: 1 }).toArray()
  return canonicalJson(collections)
}

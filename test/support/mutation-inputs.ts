// The inputs of all mutations in the tests. Each is an input on which the mutation succeeds, on things that it makes for itself. Two calls
// give different inputs. A mutation of the supergraph without an input here fails the tests by its name.

import { manifestOf } from './manifests.ts'
import { mutationOf } from './mutations.ts'
import {
  freshCode,
  type Input,
  makeApp,
  makeCreative,
  makeSchedule,
  makeSegment,
  makeSlot,
  makeStrategy,
  type Planning,
  run,
  VIP,
} from './planning.ts'
import type { Workflow } from './workflow.ts'

/** What a mutation is called with. `subject`: the id of the thing that its entry in the change log is about, if that exists before. */
export type Prepared = { input: Record<string, unknown>; subject?: string }

export type PlanningMutation = keyof ReturnType<typeof planningInputs>

/** An input of a mutation in which operators plan. `content` changes its content. */
export async function inputFor(
  planning: Planning,
  mutation: PlanningMutation,
  app: string,
  content: Input = {},
): Promise<Input> {
  return planningInputs(planning, app, content)[mutation]()
}

/** Name of a mutation -> how to make an input for it, with the platform of a workflow and the same subgraphs for planning. */
export function everyInput(flow: Workflow, planning: Planning, plannedApp: string) {
  const planned = Object.entries(planningInputs(planning, plannedApp)).map(([name, make]) => {
    return [name, async () => ({ input: await make() })] as const
  })
  return { ...Object.fromEntries(planned), ...otherInputs(flow, planning) } as Record<string, () => Promise<Prepared>>
}

/** Mutations of schedule, creative and strategy, in which operators plan. The tests of `test/graph/mutations` run with each. */
function planningInputs(planning: Planning, app: string, content: Input = {}) {
  const of = (id: string) => ({ id, expectedVersion: 1 })
  const archived = async (mutation: PlanningMutation, make: (planning: Planning, app: string) => Promise<string>) => {
    const id = await make(planning, app)
    await run(planning, mutation, of(id))
    return { id, expectedVersion: 2 }
  }
  const booking = async () => ({
    name: 'A schedule',
    creatives: [{ creative: await makeCreative(planning, app) }],
    ...content,
  })
  return {
    createApp: async () => ({ code: freshCode(), name: 'An app' }),
    updateApp: async () => ({ app: await makeApp(planning), expectedVersion: 1, name: 'Anew' }),
    rotateAppKey: async () => ({ app: await makeApp(planning), expectedVersion: 1 }),
    createSlot: async () => ({ app, code: freshCode(), name: 'A slot' }),
    updateSlot: async () => ({ ...of(await makeSlot(planning, app)), name: 'Anew' }),
    archiveSlot: async () => of(await makeSlot(planning, app)),
    unarchiveSlot: () => archived('archiveSlot', makeSlot),
    createSchedule: async () => ({ app, slot: await makeSlot(planning, app), content: await booking() }),
    reviseSchedule: async () => ({ ...of(await makeSchedule(planning, app)), content: await booking() }),
    duplicateSchedule: async () => of(await makeSchedule(planning, app)),
    archiveSchedule: async () => of(await makeSchedule(planning, app)),
    unarchiveSchedule: () => archived('archiveSchedule', makeSchedule),
    createCreative: async () => ({ app, content: { name: freshCode(), title: 'Hello', ...content } }),
    reviseCreative: async () => ({
      ...of(await makeCreative(planning, app)),
      content: { name: 'A creative', title: 'Anew', ...content },
    }),
    createStrategy: async () => ({ app, content: { name: freshCode(), ...content } }),
    archiveCreative: async () => of(await makeCreative(planning, app)),
    unarchiveCreative: () => archived('archiveCreative', makeCreative),
    reviseStrategy: async () => ({ ...of(await makeStrategy(planning, app)), content: { name: 'Anew', ...content } }),
    archiveStrategy: async () => of(await makeStrategy(planning, app)),
    unarchiveStrategy: () => archived('archiveStrategy', makeStrategy),
    createSegment: async () => ({ app, content: { name: freshCode(), constraint: VIP, ...content } }),
    reviseSegment: async () => ({
      ...of(await makeSegment(planning, app)),
      content: { name: 'Anew', constraint: VIP, ...content },
    }),
    archiveSegment: async () => of(await makeSegment(planning, app)),
    unarchiveSegment: () => archived('archiveSegment', makeSegment),
  }
}

/** Those that have an input in `planningInputs`. */
export const PLANNING_MUTATIONS = Object.keys(planningInputs({} as Planning, '')) as PlanningMutation[]

/** Those of them that change a thing that exists. */
export const PLANNING_CHANGES = PLANNING_MUTATIONS.filter(
  (name) => name !== 'duplicateSchedule' && mutationOf(name).takes.has('expectedVersion'),
)

/** All other mutations. */
function otherInputs(flow: Workflow, planning: Planning): Record<string, () => Promise<Prepared>> {
  const live = async () => {
    const schedule = await flow.approved(await flow.makeSchedule())
    await flow.publish(schedule)
    return schedule
  }
  const on = async (schedule: { id: string }) => ({
    input: await flow.onSchedule(schedule as never),
    subject: schedule.id,
  })
  const submitted = async () => {
    const creative = await flow.makeCreative()
    return { id: await flow.submit(creative), subject: creative.id }
  }
  const onSlot = async (id: string) => ({ input: await flow.onSlot(id), subject: id })
  return {
    async registerOperations() {
      const app = await makeApp(planning)
      const manifest = manifestOf('query Home($app: ID!) { decisions(app: $app, slots: ["home"]) { slot } }')
      return { input: { app, expectedVersion: 1, manifest }, subject: app }
    },
    async submitForReview() {
      const creative = await flow.makeCreative()
      return { input: await flow.submission(creative), subject: creative.id }
    },
    async approve() {
      const { id, subject } = await submitted()
      return { input: await flow.onAll(id), subject }
    },
    async reject() {
      const { id, subject } = await submitted()
      return { input: await flow.onAll(id, { comment: 'No' }), subject }
    },
    async recallSubmission() {
      const { id, subject } = await submitted()
      return { input: await flow.onAll(id), subject }
    },
    publish: async () => on(await flow.approved(await flow.makeSchedule())),
    pause: async () => on(await live()),
    async resume() {
      const schedule = await live()
      await flow.run('pause', 'publisher', await flow.onSchedule(schedule))
      return on(schedule)
    },
    withdraw: async () => on(await live()),
    publishSlot: async () => onSlot((await flow.makeSlot()).id),
    async rollbackSlot() {
      const { slot } = await flow.makeLive()
      await flow.run('stopSlot', 'publisher', await flow.onSlot(slot.id))
      return { input: { ...(await flow.onSlot(slot.id)), to: 1 }, subject: slot.id }
    },
    stopSlot: async () => onSlot((await flow.makeSlot()).id),
    async restartSlot() {
      const { id } = await flow.makeSlot()
      await flow.run('stopSlot', 'publisher', await flow.onSlot(id))
      return onSlot(id)
    },
    async revokeApproval() {
      const creative = await flow.approved(await flow.makeCreative())
      return { input: await flow.onReview(creative), subject: creative.id }
    },
    async takeDown() {
      const creative = await flow.makeCreative()
      await flow.makeLive({ creatives: [creative] })
      const { version: expectedVersion } = await flow.head(creative)
      return { input: { creative: creative.id, expectedVersion, reason: 'A mistake' }, subject: creative.id }
    },
    async recordEvents() {
      const fallback = await flow.makeCreative()
      const slot = await flow.makeSlot({ fallback: [fallback.id] })
      const source = { slot: slot.id, creative: fallback.id }
      const at = new Date(flow.clock.now() - 1).toISOString()
      return { input: { app: flow.app, events: [{ id: flow.freshCode(), type: 'IMPRESSION', at, source }] } }
    },
  }
}

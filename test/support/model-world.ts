// The platform that is compared with the model: an app in the subgraphs, and a distribution node on the same channel. It runs the steps,
// and reports its state with the names of the model.

import { isDeepStrictEqual } from 'node:util'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { revisionText } from './model.ts'
import { callFor } from './model-calls.ts'
import type { Step } from './model-rules.ts'
import { type ServingNode, startServingNode } from './serving-node.ts'
import { startWorkflow, type Workflow } from './workflow.ts'

/** Where a world is: in this process, or (test/fault) real processes over HTTP. */
export type ModelPlatform = {
  flow: Pick<Workflow, 'run' | 'freshCode'>
  node: Pick<ServingNode, 'held' | 'ask'>
  store: Store
  stop(): Promise<void>
}
export type World = Awaited<ReturnType<typeof openWorld>>

// biome-ignore lint/suspicious/noExplicitAny: documents of every collection
type Rows = Record<(typeof COLLECTIONS)[number], any[]>

const HEADS = ['creatives', 'segments', 'strategies', 'schedules'] as const
/** Each mutation changes at least one of these collections. All others only grow. */
const COLLECTIONS = [...HEADS, 'slots', 'reviews', 'submissions', 'slotHeads', 'pins'] as const

/** The subgraphs, and a node that serves what they publish. */
export async function startModelPlatform(store: Store): Promise<ModelPlatform> {
  const flow = await startWorkflow(store)
  const node = await startServingNode(flow.services)
  const stop = async () => {
    await node.stop()
    await flow.stop()
  }
  return { flow, node, store, stop }
}

/** A new, empty app. */
export async function openWorld({ flow, node, store }: ModelPlatform) {
  const app = flow.freshCode()
  /** A name of the model -> its id. For a review, the name is its revision. */
  const ids = new Map<string, string>()
  const names = new Map<string, string>()
  const codes = new Map<string, string>()
  await flow.run('createApp', 'admin', { code: app, name: 'An app' })

  function id(name: string): string {
    const found = ids.get(name)
    if (!found) throw new Error(`The model speaks of ${name}, which there is not`)
    return found
  }

  function learn(name: string, id: string): void {
    ids.set(name, id)
    names.set(id, name)
  }

  async function read(): Promise<Rows> {
    const found = COLLECTIONS.map(async (name) => [name, await store.collection<never>(name).find({ app } as never)])
    return Object.fromEntries(await Promise.all(found))
  }

  let rows = await read()
  let lastChange = ''
  await newChanges()

  /** The entries in the change log since the last call. */
  async function newChanges(): Promise<Change[]> {
    const filter = { app, _id: { $gt: lastChange } }
    const found = await store
      .collection<Change>('changes')
      .find(filter, { sort: { _id: 1 }, projection: { before: 0, after: 0 } })
    lastChange = found.at(-1)?._id ?? lastChange
    return found
  }

  return {
    /** A slot with room for everything. */
    async makeSlot(name: string, fallback: readonly string[]): Promise<void> {
      const input = { app, code: flow.freshCode(), name, capacity: 50, fallback: fallback.map(id) }
      const slot = await flow.run('createSlot', 'admin', input)
      learn(name, slot.id)
      codes.set(name, slot.code)
      rows = await read()
      await newChanges()
    },

    /** The result: the code of the error, or null, and what changed in the database. */
    async perform(step: Step, expectedVersion: number | undefined) {
      const before = rows
      const { mutation, input } = callFor(step, app, id)
      const versioned = expectedVersion === undefined ? input : { ...input, expectedVersion }
      const code = await flow.run(mutation, step.by, versioned).then(
        (answer) => {
          if (step.does === 'create') learn(step.content.split('@')[0]!, answer.id)
          return null
        },
        (error: Error) => {
          const [, found] = /^([A-Z_]+): /.exec(error.message) ?? []
          if (!found) throw error
          return found
        },
      )
      rows = await read()
      for (const submission of rows.submissions) {
        if (!names.has(submission._id)) learn(`B${submissionCount() + 1}`, submission._id)
      }
      for (const { _id, subject, revision } of rows.reviews) {
        learn(revisionText(names.get(subject.id)!, revision), _id)
      }
      const logged = await newChanges()
      return {
        code,
        changed: !isDeepStrictEqual(rows, before),
        /** The things with new entries in the change log, and the mutations that wrote them, each once. */
        logged: [...new Set(logged.map((change) => `${change.mutation} by ${change.actor}`))],
        expectedLog: `${mutation} by ${step.by}`,
      }
    },

    /** The state of everything, in the form of the model. */
    states() {
      const heads = HEADS.flatMap((collection) => rows[collection])
      const revisionOf = new Map<string, number>(heads.map(({ _id, revision }) => [_id, revision]))
      const states: Record<string, string> = {}
      for (const { _id, version, revision, reviewState, deliveryState, archivedAt } of heads) {
        const delivery = deliveryState === undefined ? '' : ` ${deliveryState}`
        states[names.get(_id)!] =
          `version ${version}, revision ${revision} ${reviewState}${delivery}${archivedAt ? ' archived' : ''}`
      }
      for (const { subject, revision, state, version } of rows.reviews) {
        // A newer revision supersedes it already. The state is stored only with the next review.
        const superseded = state === 'OPEN' && revisionOf.get(subject.id)! > revision
        states[revisionText(names.get(subject.id)!, revision)] =
          `version ${version} ${superseded ? 'SUPERSEDED' : state}`
      }
      for (const { _id, version } of rows.submissions) states[names.get(_id)!] = `version ${version}`
      for (const { _id, version, archivedAt } of rows.slots) {
        states[names.get(_id)!] = `version ${version}${archivedAt ? ' archived' : ''}`
      }
      return states
    },

    /** What the node serves in a slot once it is in step with MongoDB, and the revision of that. */
    async serves(slot: string) {
      const head = rows.slotHeads.find(({ _id }) => _id === id(slot))
      const held = await node.held(app, codes.get(slot)!, head)
      return held && { revision: head.revision as number, ...held }
    },

    ask: (slot: string, userId: string, tags: readonly string[]) => node.ask(app, [codes.get(slot)!], userId, tags),

    nameOf: (id: string) => names.get(id)!,
  }

  function submissionCount(): number {
    return [...names.values()].filter((name) => /^B\d+$/.test(name)).length
  }
}

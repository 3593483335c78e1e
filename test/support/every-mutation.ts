// Every mutation of the supergraph, each with an input on which it succeeds, so that what holds for all of them is tested
// on all of them. The supergraph says which there are: one without an input here fails the tests by its name.

import { readFileSync } from 'node:fs'
import { type FieldDefinitionNode, Kind, parse, type TypeNode } from 'graphql'
import type { Store } from '../../common/store/store.ts'
import { statsSubgraph } from '../../subgraphs/stats/app.ts'
import { connectMongoEventStream } from '../../subgraphs/stats/mongo-event-stream.ts'
import { manifestOf } from './manifests.ts'
import * as planned from './planning.ts'
import { startTestSubgraph, tokenFor } from './subgraphs.ts'
import { startWorkflow } from './workflow.ts'

/** `graph`: the subgraph. `takes`: the fields of its input. `answers`: what to ask for. */
export type Mutation = { name: string; graph: string; input: string; takes: ReadonlySet<string>; answers: string }

type Input = Record<string, unknown>
/** What a mutation is called with, and the id of what its entry in the change log is about, if that is there before. */
export type Prepared = { input: Input; subject?: string }

export type EveryMutation = Awaited<ReturnType<typeof startEveryMutation>>

/** As the committed supergraph has them. */
export const MUTATIONS: readonly Mutation[] = readMutations()

/** The subgraphs that have mutations, on one store. */
export async function startEveryMutation(store: Store) {
  const flow = await startWorkflow(store)
  const planning = await planned.startPlanning(store, flow.services)
  const stats = await startTestSubgraph(statsSubgraph(await connectMongoEventStream(store)), flow.services)
  const subgraphs: Record<string, typeof stats> = { ...flow.subgraphs, stats }
  const { app } = flow
  // An app of its own, for each of the two gives out codes.
  const plannedApp = await planned.makeApp(planning, { code: 'planned' })

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

  const inputs: Record<string, () => Promise<Prepared>> = {
    ...Object.fromEntries(
      planned.MUTATIONS.map((name) => [
        name,
        async () => ({ input: await planned.inputFor(planning, name, plannedApp) }),
      ]),
    ),
    async registerOperations() {
      const app = await planned.makeApp(planning)
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
    async recordEvents() {
      const fallback = await flow.makeCreative()
      const slot = await flow.makeSlot({ fallback: [fallback.id] })
      const source = { slot: slot.id, creative: fallback.id }
      const at = new Date(flow.clock.now() - 1).toISOString()
      return { input: { app, events: [{ id: flow.freshCode(), type: 'IMPRESSION', at, source }] } }
    },
  }

  async function ask({ name, graph, input: type, answers }: Mutation, input: Input, authorization: string | undefined) {
    flow.clock.advance(1)
    const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${answers} } }`
    return subgraphs[graph]!.subgraph.execute({ query, variables: { input } }, { authorization, requestId: 'test' })
  }

  async function call(mutation: Mutation, actor: string | null, input: Input, apps?: readonly string[]) {
    const authorization = actor === null ? undefined : `Bearer ${await tokenFor(actor, apps)}`
    const { data, errors } = await ask(mutation, input, authorization)
    return { data: data ?? null, error: errors?.[0] ? { ...errors[0].extensions } : null }
  }

  return {
    app,
    clock: flow.clock,
    /** Those that this file has an input for. */
    known: Object.keys(inputs),

    /** An input with which it succeeds, on things of its own. */
    prepare: (mutation: Mutation): Promise<Prepared> => inputs[mutation.name]!(),

    /** The first error's extensions, `code` among them; null when it succeeded. `actor` null: without a token. */
    async errorOf(mutation: Mutation, actor: string | null, input: Input, apps?: readonly string[]) {
      return (await call(mutation, actor, input, apps)).error
    },

    call,

    async stop() {
      await Promise.all([flow.stop(), planning.stop(), stats.subgraph.stop()])
    },
  }
}

function readMutations(): Mutation[] {
  const { definitions } = parse(readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8'))
  const types = new Map(
    definitions
      .filter((node) => node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION)
      .map((node) => [node.name.value, node.fields ?? []]),
  )
  const fieldsOf = (type: string) => new Set(types.get(type)!.map((field) => field.name.value))
  const mutations = types.get('Mutation') as readonly FieldDefinitionNode[]
  return mutations.map(({ name, type, arguments: taken, directives }) => {
    const graph = directives!.find((directive) => directive.name.value === 'join__field')!.arguments![0]!.value
    const input = nameOf(taken![0]!.type)
    return {
      name: name.value,
      graph: graph.kind === Kind.ENUM ? graph.value.toLowerCase() : '',
      input,
      takes: fieldsOf(input),
      answers: fieldsOf(nameOf(type)).has('id') ? 'id' : '__typename',
    }
  })
}

function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type)
}

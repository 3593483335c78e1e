// The platform on which what holds for every mutation is tested: the subgraphs that have mutations, and a call of each as any actor.

import type { Store } from '../../common/store/store.ts'
import { statsSubgraph } from '../../subgraphs/stats/app.ts'
import { connectMongoEventStream } from '../../subgraphs/stats/mongo-event-stream.ts'
import { everyInput, type Prepared } from './mutation-inputs.ts'
import type { Mutation } from './mutations.ts'
import { makeApp, startPlanning } from './planning.ts'
import { startTestSubgraph, tokenFor } from './subgraphs.ts'
import { startWorkflow } from './workflow.ts'

type Input = Record<string, unknown>

export type EveryMutation = Awaited<ReturnType<typeof startEveryMutation>>

/** The subgraphs that have mutations, on one store. */
export async function startEveryMutation(store: Store) {
  const flow = await startWorkflow(store)
  const planning = await startPlanning(store, flow.services)
  const stats = await startTestSubgraph(statsSubgraph(await connectMongoEventStream(store)), flow.services)
  const subgraphs: Record<string, typeof stats> = { ...flow.subgraphs, stats }
  const { app } = flow
  // An app of its own, for each of the two gives out codes.
  const plannedApp = await makeApp(planning, { code: 'planned' })

  const inputs = everyInput(flow, planning, plannedApp)

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
    /** The mutations that have an input. */
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

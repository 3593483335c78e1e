// The only list of services. These read it: `npm start`, `npm run start:processes`, the gateway, the composition of the
// supergraph, the import rules, the table of services in docs/architecture.md, and the tests.
// `load` imports a subgraph only when it is called. So a process that reads this list does not load every subgraph.

import type { SubgraphEntry } from '../common/service/subgraph-process.ts'
import { LANE_FIELDS } from './lanes.ts'

/** The gateway is no subgraph. The ports of all other services keep their distance from its port: see `portBeside`. */
export const gateway = {
  name: 'gateway',
  port: 4000,
  about: 'the graph for admin frontends, and a relay for apps, at /graphql.',
} as const

/**
 * `npm start` starts them in this order, and stops them in reverse. delivery must stand above distribution: delivery first writes
 * what the channel lacks, and the node then loads from the channel.
 */
export const subgraphs: readonly SubgraphEntry[] = [
  {
    name: 'schedule',
    port: 4001,
    about: 'apps, their slots, and the schedules in them.',
    needs: ['store', 'channel'], // the settings of apps go to the nodes through the channel
    usesRepositoriesOf: ['creative', 'strategy'],
    load: () => import('./schedule/app.ts'),
  },
  {
    name: 'creative',
    port: 4002,
    about: 'creatives (what is shown) and their revisions.',
    needs: ['store'],
    usesRepositoriesOf: ['schedule'], // to know what is live before it is archived
    load: () => import('./creative/app.ts'),
  },
  {
    name: 'strategy',
    port: 4003,
    about: 'strategies and segments (who sees a schedule) and their revisions.',
    needs: ['store'],
    usesRepositoriesOf: ['schedule'], // to know what is live before it is archived
    load: () => import('./strategy/app.ts'),
  },
  {
    name: 'audit',
    port: 4004,
    about: 'submissions, reviews, and the change log.',
    needs: ['store'],
    usesRepositoriesOf: ['schedule', 'creative', 'strategy'],
    load: () => import('./audit/app.ts'),
  },
  {
    name: 'delivery',
    port: 4005,
    about: 'publications: what the nodes serve, and the commands that publish and withdraw it.',
    needs: ['store', 'channel'], // publications go to the nodes through the channel
    usesRepositoriesOf: ['audit', 'schedule', 'creative', 'strategy'],
    load: () => import('./delivery/app.ts'),
  },
  {
    name: 'stats',
    port: 4006,
    about: 'takes events, from apps at /graphql and from operators through the gateway, and answers reports.',
    needs: ['store', 'event stream'],
    laneFields: LANE_FIELDS.stats,
    usesRepositoriesOf: ['schedule'],
    load: () => import('./stats/app.ts'),
  },
  {
    name: 'distribution',
    port: 4010,
    about: 'a node: answers apps at /graphql from its own memory, which it keeps in step with the channel.',
    needs: ['channel'],
    laneFields: LANE_FIELDS.distribution,
    hasOwnPort: true, // apps ask it directly
    canHaveWorkers: true, // each one is a node
    startsWithoutRedis: true, // it serves its snapshot
    load: () => import('./distribution/app.ts'),
  },
]

/** Throws when the list has no subgraph of this name. */
export function findSubgraph(name: string): SubgraphEntry {
  const entry = subgraphs.find((subgraph) => subgraph.name === name)
  if (!entry) throw new Error(`There is no subgraph ${name} in subgraphs/registry.ts. Add a line for it there.`)
  return entry
}

/**
 * The port of a service beside a gateway that listens at `gatewayPort`. Ports keep their distances: with the gateway at 5000
 * instead of 4000, schedule listens at 5001 and distribution at 5010. 0 (any free port) stays 0.
 */
export function portBeside(gatewayPort: number, service: { port: number }): number {
  return gatewayPort === 0 ? 0 : gatewayPort + (service.port - gateway.port)
}

// The servers that `bench -- serve` compares. Each answers the same operation of the same users with the same data.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../support/ports.ts'
import { type Child, type Core, startChild } from '../children.ts'
import type { BareAnswer } from './bare.ts'
import { peersFolder } from './peers.ts'
import type { Reference } from './reference.ts'
import { type Server, type Service, startService, untilListening } from './servers.ts'

export type Setup = {
  folder: string
  /** Undefined: the node has its channel in process. */
  redisUrl: string | undefined
  /** The core or cores of the server. */
  core: Core
  reference: Reference
}

export type Variant = {
  name: string
  about: string
  /** Needs the packages in test/bench/peers. */
  isPeer?: true
  /** Answers `if-none-match` with 304. */
  isConditional?: true
  /** Sends the same bytes to every user. */
  isBare?: true
  /** Measured only when `--only` names it. */
  isExtra?: true
  /** The server and the load generator use both cores. It is compared only with the other one of these. */
  onBothCores?: true
  start(setup: Setup): Promise<Server>
}

export const variants: readonly Variant[] = [
  { name: 'bare', about: 'a bare node:http server that sends the same bytes', isBare: true, start: startBare(false) },
  { name: 'bare304', about: 'the same, answers of 304', isConditional: true, isExtra: true, start: startBare(true) },
  { name: 'lane', about: 'a distribution node', start: (setup) => startNode(setup) },
  {
    name: 'lane304',
    about: 'a distribution node, answers of 304',
    isConditional: true,
    start: (setup) => startNode(setup),
  },
  { name: 'relay', about: 'the gateway in front of a distribution node', start: startRelay },
  {
    name: 'workers1',
    about: 'a node with --workers 1, on both cores',
    onBothCores: true,
    start: startWorkers(1),
  },
  {
    name: 'workers2',
    about: 'a node with --workers 2, on both cores',
    onBothCores: true,
    start: startWorkers(2),
  },
  { name: 'apolloGateway', about: 'Apollo Gateway with one subgraph', isPeer: true, start: startApolloGateway },
  { name: 'apolloSubgraph', about: 'Apollo Server with one subgraph', isPeer: true, start: peer('apollo-subgraph.js') },
  { name: 'mercurius', about: 'Fastify with Mercurius, jit: 1', isPeer: true, start: peer('mercurius.js') },
]

const NODE = 'subgraphs/distribution/index.ts'

export const CONNECTIONS = 50

/** @param nodeFlags of Node, in front of the script. */
export function startNode({ folder, redisUrl, core }: Setup, nodeFlags: readonly string[] = []): Promise<Service> {
  if (redisUrl === undefined) {
    const script = 'test/bench/serving/node-without-redis.ts'
    return startService({ script, core, folder, nodeFlags })
  }
  return startService({ script: NODE, core, folder, nodeFlags, env: { REDIS_URL: redisUrl } })
}

function startWorkers(workers: number): (setup: Setup) => Promise<Server> {
  return async ({ folder, redisUrl }) => {
    if (redisUrl === undefined) throw new Error('several workers need a Redis: expected redis-server on the PATH')
    const args = ['--workers', String(workers)]
    return startService({ script: NODE, args, core: 'both', folder, env: { REDIS_URL: redisUrl } })
  }
}

async function startRelay(setup: Setup): Promise<Server> {
  const node = await startNode(setup)
  // Nothing listens at port 9: the gateway has only this node.
  const names = ['SCHEDULE', 'CREATIVE', 'STRATEGY', 'AUDIT', 'DELIVERY', 'STATS']
  const others = Object.fromEntries(names.map((name) => [`${name}_URL`, 'http://127.0.0.1:9']))
  return behind(node, (url) =>
    startService({
      script: 'gateway/index.ts',
      core: setup.core,
      folder: setup.folder,
      env: { ...others, DISTRIBUTION_URL: url },
    }),
  )
}

async function startApolloGateway(setup: Setup): Promise<Server> {
  const subgraph = await peer('apollo-subgraph.js')(setup)
  return behind(subgraph, (url) => startPeer('apollo-gateway.js', setup, { SUBGRAPH_URL: url }))
}

/** Two servers as one: what is asked is the one in front. */
async function behind(server: Server, startFront: (url: string) => Promise<Server>): Promise<Server> {
  try {
    const front = await startFront(`http://127.0.0.1:${server.port}`)
    return {
      port: front.port,
      pids: [...front.pids, ...server.pids],
      async stop() {
        await front.stop()
        await server.stop()
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

function peer(script: string): (setup: Setup) => Promise<Server> {
  return (setup) => startPeer(script, setup, {})
}

async function startPeer(script: string, { folder, core, reference }: Setup, env: Record<string, string>) {
  const decisions = join(folder, 'decisions.json')
  writeFileSync(decisions, JSON.stringify(reference.decisionsOfUsers))
  const port = await freePort()
  const all = { NODE_ENV: 'production', PORT: String(port), DECISIONS: decisions, ...env }
  const child = startChild({ name: script, args: [script], core, cwd: fileURLToPath(peersFolder), env: all })
  return whenListening(child, port)
}

function startBare(isConditional: boolean): (setup: Setup) => Promise<Server> {
  return async ({ folder, core, reference }) => {
    const { headers, body } = reference.first
    const length = { 'content-length': String(Buffer.byteLength(body)) }
    const answer: BareAnswer = isConditional
      ? { status: 304, headers, body: '' }
      : { status: 200, headers: { ...headers, ...length }, body }
    const file = join(folder, 'bare.json')
    writeFileSync(file, JSON.stringify(answer))
    const port = await freePort()
    const env = { NODE_ENV: 'production', PORT: String(port), BARE_ANSWER: file }
    return whenListening(startChild({ name: 'bare', args: ['test/bench/serving/bare.ts'], core, env }), port)
  }
}

async function whenListening(child: Child, port: number): Promise<Server> {
  try {
    await untilListening(child, port)
  } catch (error) {
    await child.stop()
    throw error
  }
  return { port, pids: [child.pid], stop: () => child.stop() }
}

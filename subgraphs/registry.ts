// The only list of subgraphs. The supergraph, the gateway, `npm start`, the processes and the tests read it.

/**
 * `port` is where the subgraph listens when it runs as a process of its own; `lane` names the fields on Query or Mutation
 * for which apps may send persisted operations to it.
 */
export const subgraphs = [
  { name: 'schedule', port: 4001, lane: [] },
  { name: 'creative', port: 4002, lane: [] },
  { name: 'strategy', port: 4003, lane: [] },
  { name: 'audit', port: 4004, lane: [] },
  { name: 'delivery', port: 4005, lane: [] },
  { name: 'stats', port: 4006, lane: ['recordEvents'] },
  { name: 'distribution', port: 4010, lane: ['decisions'] },
] as const

export type SubgraphName = (typeof subgraphs)[number]['name']

export function portOf(name: SubgraphName): number {
  return entryOf(name).port
}

export function laneFieldsOf(name: SubgraphName): readonly string[] {
  return entryOf(name).lane
}

function entryOf(name: SubgraphName) {
  return subgraphs.find((entry) => entry.name === name)!
}

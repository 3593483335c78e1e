// The only list of subgraphs. The supergraph, the gateway, `npm start` and the tests read it.

/** `port` is where the subgraph listens when it runs as a process of its own. */
export const subgraphs = [
  { name: 'schedule', port: 4001 },
  { name: 'creative', port: 4002 },
  { name: 'strategy', port: 4003 },
  { name: 'audit', port: 4004 },
  { name: 'delivery', port: 4005 },
  { name: 'stats', port: 4006 },
  { name: 'distribution', port: 4010 },
] as const

export type SubgraphName = (typeof subgraphs)[number]['name']

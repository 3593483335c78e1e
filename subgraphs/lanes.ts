// The fields for which apps may send persisted operations, by the subgraph whose lane answers them. The list of services
// (registry.ts) reads it, and so does the check of the operations that apps register. It stands apart, because the list of services
// imports every subgraph.

/** Subgraph -> fields of Query or Mutation. */
export const LANE_FIELDS = {
  distribution: ['decisions'],
  stats: ['recordEvents'],
} as const satisfies Record<string, readonly string[]>

// The stream of accepted events (impressions, clicks, conversions). The lane for events appends to it, and the worker of stats
// folds it into rollups. Events stay until the worker trims them.

export interface EventStream {
  /** Resolves once the whole batch is in the stream. When it rejects, usually none of the batch is there, but all of it may be. */
  append(batch: readonly string[]): Promise<void>
  /**
   * Reads up to `limit` events after a position, in the order of the stream. Null reads from the beginning.
   *
   * Positions are opaque; only equality has a meaning. A trimmed position is still a valid `after`. A position of another stream
   * counts as the beginning. So does one from before the stream was emptied or set back by a restart, a failover or a backup.
   * Events may be read twice then, but none is skipped.
   */
  read(after: string | null, limit: number): Promise<{ position: string; payload: string }[]>
  /** Deletes all events up to and including this position: they are folded. A position that counts as the beginning deletes none. */
  trim(upTo: string): Promise<void>
  length(): Promise<number>
  close(): Promise<void>
}

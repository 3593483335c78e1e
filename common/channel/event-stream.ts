// The stream of accepted events (impressions, clicks, conversions) between those who accept them and the one
// who folds them into rollups. What is accepted stays until it is trimmed, however long that takes.

export interface EventStream {
  /** Resolves once the whole batch is in the stream; when it rejects, usually none of it is, but all may be. */
  append(batch: readonly string[]): Promise<void>
  /**
   * Up to `limit` events after a position (null: from the beginning), in the order of the stream.
   * Positions are opaque: only equality means anything. One that is trimmed may still be passed as `after`. One of another
   * stream, or of this one before it was emptied or set back (a restart, a failover, a backup), is before everything: what is
   * accepted is read, perhaps twice, and never skipped.
   */
  read(after: string | null, limit: number): Promise<{ position: string; payload: string }[]>
  /**
   * Forgets everything up to and including this position; the worker calls it with what is folded. A position that is before
   * everything, as above, forgets nothing.
   */
  trim(upTo: string): Promise<void>
  length(): Promise<number>
  close(): Promise<void>
}

// The stream of accepted events (impressions, clicks, conversions). The lane for events appends to it, and the worker of stats
// folds it into rollups. Events stay until the worker trims them.

import { AlkaidError } from '../base/errors.ts'

/** The stream has as many events as it may. Nothing of the batch was appended. */
export class StreamFull extends AlkaidError {
  constructor(capacity: number) {
    super(
      'UNAVAILABLE',
      `The event stream is full: ${capacity} events wait to be folded. Send the same batch again later`,
    )
  }
}

export interface EventStream {
  /** The most events that it may have. Beyond that, `append` rejects with StreamFull. Undefined: the memory of Redis is the limit. */
  readonly capacity?: number
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

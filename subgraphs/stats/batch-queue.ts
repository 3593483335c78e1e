// The queue of batches before they are parsed. To parse and check a batch of 1,000 events takes about 10 ms. If a few hundred of them came
// together and were computed in one turn of the event loop, the answers of Redis would wait for seconds: every append would time out, and
// nothing would be accepted any more. So one turn takes 256 KB of batches, and the others wait here, in order. When they wait for too
// long, further ones are refused before anything of them is computed. What is taken is answered in time.

import { HttpError } from '../../common/base/errors.ts'

export type BatchQueue = {
  /** Resolves when the batch may be computed. Undefined: at once. Throws UNAVAILABLE (HTTP 503) when too much waits. `size`: in characters. */
  admit(size: number): Promise<void> | undefined
}

export type BatchQueueLimits = {
  /** How much one turn of the event loop takes, in characters. It always takes at least one batch. */
  sizePerTurn: number
  /** While a batch waits for longer than this, in ms, further ones are refused. */
  maxWaitMs: number
  /** How much may wait, in characters. */
  maxSize: number
}

const LIMITS: BatchQueueLimits = { sizePerTurn: 256 * 1024, maxWaitMs: 500, maxSize: 64 * 1024 * 1024 }

type WaitingBatch = { size: number; since: number; admit(): void }

export function createBatchQueue(limits: BatchQueueLimits = LIMITS, now = () => performance.now()): BatchQueue {
  const waiting: WaitingBatch[] = []
  let waitingSize = 0
  /** Undefined: this turn has not taken a batch yet. */
  let takenSize: number | undefined

  function hasRoom(size: number): boolean {
    return takenSize === undefined || takenSize + size <= limits.sizePerTurn
  }

  function take(size: number): void {
    if (takenSize === undefined) setImmediate(nextTurn)
    takenSize = (takenSize ?? 0) + size
  }

  /** Runs after the event loop has looked for answers of Redis and for new requests. */
  function nextTurn(): void {
    takenSize = undefined
    while (waiting.length > 0 && hasRoom(waiting[0]!.size)) {
      const { size, admit } = waiting.shift()!
      waitingSize -= size
      take(size)
      admit()
    }
  }

  return {
    admit(size) {
      const [oldest] = waiting
      if (!oldest && hasRoom(size)) return void take(size)
      if (oldest && (now() - oldest.since > limits.maxWaitMs || waitingSize + size > limits.maxSize)) throw overloaded()
      waitingSize += size
      return new Promise((resolve) => {
        waiting.push({ size, since: now(), admit: resolve })
      })
    },
  }
}

function overloaded(): HttpError {
  const message = 'More events arrive than this service can check: send the same batch again later'
  return new HttpError(503, 'UNAVAILABLE', message, { 'retry-after': '1' })
}

// The same work for several things, of which one that fails must not keep the others from their turn.

import { AlkaidError } from '../../common/base/errors.ts'
import { ChannelUnavailable } from '../../common/channel/errors.ts'

/** One after another. Rejects only when what all of them need is out of reach, for then the others would fail alike, slowly. */
export async function eachApart<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  onFailure: (item: T, error: unknown) => void,
): Promise<void> {
  for (const item of items) {
    try {
      await work(item)
    } catch (error) {
      if (isOutage(error)) throw error
      onFailure(item, error)
    }
  }
}

function isOutage(error: unknown): boolean {
  if (error instanceof ChannelUnavailable) return !error.refused
  return error instanceof AlkaidError && (error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT')
}

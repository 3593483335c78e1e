// The same work for several items, where one failing item must not stop the others.

import { AlkaidError } from '../../common/base/errors.ts'
import { ChannelUnavailable } from '../../common/channel/channel.ts'

/**
 * Works on one item after another and reports each failure. Throws only when Redis or MongoDB is out of reach: then every
 * other item would fail too, each after a timeout.
 */
export async function forEachIsolated<T>(
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
  if (error instanceof ChannelUnavailable) return error.extent === 'all'
  return error instanceof AlkaidError && (error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT')
}

// Reads the context of a request once, for all slots and entries.

import { murmur3, utf8 } from '../hash.ts'
import { ContextValues } from './context-values.ts'
import { DIMENSION_FAMILIES, DIMENSIONS } from './dimensions.ts'
import type { RequestContext } from './types.ts'

export type CompiledContext = {
  /**
   * Unique for each context of this process. A memo (decision/rollout.ts) stores this number to recognise its context. It
   * does not store the context itself, because that would keep the data of a user in memory.
   */
  requestNumber: number
  /** The user id, else the device id, else null. The answer is the same for the same key. */
  key: string | null
  /** `murmur3(key)`; 0 without a key. */
  keyHash: number
  /** dimension -> its values. Missing dimensions are absent. */
  values: ReadonlyMap<string, ContextValues>
  /** The value that a rollout with this stickiness hashes, as UTF-8; undefined: none. Read at most once per request. */
  stickyKey(stickiness: string | null): Uint8Array | undefined
}

let lastRequestNumber = 0

/** An empty user or device id counts as missing. */
export function readContext(context: RequestContext): CompiledContext {
  const values = new Map<string, ContextValues>()
  for (const dimension of DIMENSIONS) {
    const texts = dimension.read(context)
    if (texts.length > 0) values.set(dimension.name, new ContextValues(dimension.kind, texts))
  }
  for (const family of DIMENSION_FAMILIES) {
    for (const [name, texts] of family.read(context)) {
      if (texts.length > 0) values.set(family.prefix + name, new ContextValues(family.kind, texts))
    }
  }
  const key = context.userId || context.deviceId || null

  const stickyKeys = new Map<string | null, Uint8Array | undefined>()
  function stickyKey(stickiness: string | null): Uint8Array | undefined {
    if (!stickyKeys.has(stickiness)) stickyKeys.set(stickiness, readStickyKey(stickiness))
    return stickyKeys.get(stickiness)
  }
  function readStickyKey(stickiness: string | null): Uint8Array | undefined {
    if (stickiness === null) return key ? utf8(key) : undefined
    const named =
      stickiness === 'userId' || stickiness === 'deviceId' ? context[stickiness] : values.get(stickiness)?.texts[0]
    return named ? utf8(named) : undefined
  }

  lastRequestNumber += 1
  return { requestNumber: lastRequestNumber, key, keyHash: key === null ? 0 : murmur3(key), values, stickyKey }
}

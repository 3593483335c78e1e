// A request's context, read once for all slots and entries.

import { murmur3, utf8 } from '../hash.ts'
import { Held } from './held.ts'
import { DIMENSION_FAMILIES, DIMENSIONS } from './registry.ts'
import type { RequestContext } from './types.ts'

export type CompiledContext = {
  /** Different in every context, so that what was computed for one is known again without keeping it alive. */
  serial: number
  /** What the answer sticks to: the user, else the device, else (null) nothing. */
  key: string | null
  /** `murmur3(key)`; 0 without a key. */
  keyHash: number
  /** dimension -> what is held in it; missing dimensions have no line. */
  values: ReadonlyMap<string, Held>
  /** What a rollout with this stickiness sticks to, as UTF-8, read at most once; undefined: nothing. */
  stickyKey(stickiness: string | null): Uint8Array | undefined
}

let serials = 0

/** An empty user or device id is as good as none. */
export function readContext(context: RequestContext): CompiledContext {
  const values = new Map<string, Held>()
  for (const dimension of DIMENSIONS) {
    const texts = dimension.read(context)
    if (texts.length > 0) values.set(dimension.name, new Held(dimension.kind, texts))
  }
  for (const family of DIMENSION_FAMILIES) {
    for (const [name, texts] of family.read(context)) {
      if (texts.length > 0) values.set(family.prefix + name, new Held(family.kind, texts))
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

  serials += 1
  return { serial: serials, key, keyHash: key === null ? 0 : murmur3(key), values, stickyKey }
}

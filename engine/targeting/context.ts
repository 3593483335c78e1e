// Reads the context of a request once, for all slots and entries.

import { murmur3, utf8 } from '../hash.ts'
import { remembered } from '../remembered.ts'
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

/**
 * How to read each dimension. All requests together have few versions, platforms, regions and so on. So the values of a dimension with
 * a single value are remembered, with what comparisons read in them.
 */
const READERS = DIMENSIONS.map(({ name, kind, isList, read }) => {
  const single = remembered((text) => new ContextValues(kind, [text]))
  const valuesOf = (context: RequestContext): ContextValues | undefined => {
    const texts = read(context)
    if (texts.length === 0) return undefined
    return isList ? new ContextValues(kind, texts) : single(texts[0]!)
  }
  return { name, valuesOf }
})

/** An empty user or device id counts as missing. */
export function readContext(context: RequestContext): CompiledContext {
  const values = new Map<string, ContextValues>()
  for (const { name, valuesOf } of READERS) {
    const found = valuesOf(context)
    if (found) values.set(name, found)
  }
  for (const family of DIMENSION_FAMILIES) {
    for (const [name, texts] of family.read(context)) {
      if (texts.length > 0) values.set(family.prefix + name, new ContextValues(family.kind, texts))
    }
  }
  lastRequestNumber += 1
  return new ReadRequestContext(lastRequestNumber, context, values)
}

class ReadRequestContext implements CompiledContext {
  readonly requestNumber: number
  readonly key: string | null
  readonly keyHash: number
  readonly values: ReadonlyMap<string, ContextValues>
  readonly #context: RequestContext
  /** Made when the first rollout asks. */
  #stickyKeys: Map<string | null, Uint8Array | undefined> | undefined

  constructor(requestNumber: number, context: RequestContext, values: ReadonlyMap<string, ContextValues>) {
    this.requestNumber = requestNumber
    this.key = context.userId || context.deviceId || null
    this.keyHash = this.key === null ? 0 : murmur3(this.key)
    this.values = values
    this.#context = context
  }

  stickyKey(stickiness: string | null): Uint8Array | undefined {
    this.#stickyKeys ??= new Map()
    const known = this.#stickyKeys
    if (!known.has(stickiness)) known.set(stickiness, this.#readStickyKey(stickiness))
    return known.get(stickiness)
  }

  #readStickyKey(stickiness: string | null): Uint8Array | undefined {
    if (stickiness === null) return this.key ? utf8(this.key) : undefined
    const named =
      stickiness === 'userId' || stickiness === 'deviceId'
        ? this.#context[stickiness]
        : this.values.get(stickiness)?.texts[0]
    return named ? utf8(named) : undefined
  }
}

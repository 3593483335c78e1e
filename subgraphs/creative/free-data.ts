// The free JSON of a creative: small, flat enough and with keys that MongoDB takes, so that what is stored is what
// was sent and its hash stays true. Its texts follow the rule for text by now (common/graphql/text-arguments.ts).

const DATA_LIMITS = { bytes: 16 * 1024, depth: 32 } as const

/** What is wrong with free JSON; undefined when nothing is. */
export function dataMistake(data: unknown): string | undefined {
  const mistake = partMistake(data, 1)
  if (mistake) return mistake
  const bytes = Buffer.byteLength(JSON.stringify(data))
  return bytes > DATA_LIMITS.bytes ? `must be at most 16 KB as JSON, but has ${bytes} bytes` : undefined
}

function partMistake(part: unknown, depth: number): string | undefined {
  if (typeof part === 'number') return Number.isFinite(part) ? undefined : 'must hold finite numbers only'
  if (typeof part !== 'object' || part === null) return undefined
  if (depth > DATA_LIMITS.depth) return `must be nested at most ${DATA_LIMITS.depth} deep`
  const badKey = Array.isArray(part) ? undefined : Object.keys(part).find(isBadKey)
  if (badKey !== undefined) return `must not have the key ${JSON.stringify(badKey)}: MongoDB gives it a meaning`
  for (const child of Object.values(part)) {
    const mistake = partMistake(child, depth + 1)
    if (mistake) return mistake
  }
  return undefined
}

/** Keys that MongoDB or its driver read as something else than a key. */
function isBadKey(key: string): boolean {
  return key.startsWith('$') || key === '_bsontype' || key === '__proto__'
}

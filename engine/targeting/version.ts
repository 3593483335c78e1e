// The rule for versions: the precedence of Semantic Versioning 2.0.0 (https://semver.org, section 11), and the
// looser forms that real apps send. A version is `[v]<part>.<part>...[-<pre-release>][+<build>]`:
// - any number of numeric parts of any length: `8`, `8.0`, `21.0.1180.89`; missing parts are 0, so `8` = `8.0.0`;
// - a leading `v` or `V` and leading zeros are ignored: `v8.01` = `8.1`;
// - a pre-release comes before its release: `8.1.0-alpha` < `8.1.0-alpha.1` < `8.1.0-beta.2` < `8.1.0-beta.11` < `8.1.0`;
// - build metadata is ignored: `8.1.0+5` = `8.1.0`.
// Anything else (`8.x`, `8.1b2`, `8.`, empty) is not a version.

export type Version = {
  /** The numeric parts, without leading zeros, and without trailing parts that are 0. */
  parts: readonly string[]
  /** The identifiers of the pre-release; empty: it is a release. */
  preRelease: readonly string[]
}

const VERSION = /^[vV]?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/
const DIGITS = /^\d+$/

/** Undefined: the text is not a version. */
export function parseVersion(text: string): Version | undefined {
  const found = VERSION.exec(text)
  if (!found) return undefined
  const parts = found[1]!.split('.').map(withoutLeadingZeros)
  while (parts.at(-1) === '0') parts.pop()
  const preRelease = found[2] === undefined ? [] : found[2].split('.')
  return { parts, preRelease: preRelease.map((part) => (DIGITS.test(part) ? withoutLeadingZeros(part) : part)) }
}

/** Below 0: `a` comes before `b`. 0: they are equal. Above 0: `a` comes after `b`. */
export function compareVersions(a: Version, b: Version): number {
  const length = Math.max(a.parts.length, b.parts.length)
  for (let at = 0; at < length; at += 1) {
    const order = compareDigits(a.parts[at] ?? '0', b.parts[at] ?? '0')
    if (order !== 0) return order
  }
  return comparePreReleases(a.preRelease, b.preRelease)
}

/** One text for all spellings of a version: `v8.01.0+5` and `8.1` are both `8.1`. */
export function formatVersion({ parts, preRelease }: Version): string {
  const release = parts.join('.') || '0'
  return preRelease.length === 0 ? release : `${release}-${preRelease.join('.')}`
}

function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const order = compareIdentifiers(a[at]!, b[at]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Numbers come before words. */
function compareIdentifiers(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [DIGITS.test(a), DIGITS.test(b)]
  if (aIsNumber && bIsNumber) return compareDigits(a, b)
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1
  return compareText(a, b)
}

/** Compares numbers of any length. A float would round long ones. */
function compareDigits(a: string, b: string): number {
  return a.length - b.length || compareText(a, b)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function withoutLeadingZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '')
}

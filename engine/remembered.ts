// Remembers what a function returned for a text, for texts that requests repeat, such as `8.1.0` or the header `accept`. It is bounded: a
// long text is not remembered, and a full memory starts anew.

const MAX_TEXTS = 1_000
const MAX_LENGTH = 1_000

/** `read` must depend on the text only, and not return undefined. What it throws is not remembered. */
export function remembered<T extends {}>(read: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  // The last text again is the usual case for headers. Comparing two texts costs less than the hash of one.
  let lastText: string | undefined
  let lastValue: T | undefined
  return (text) => {
    if (text === lastText) return lastValue!
    let value = known.get(text)
    if (value === undefined) {
      value = read(text)
      if (text.length > MAX_LENGTH) return value
      if (known.size === MAX_TEXTS) known.clear()
      known.set(text, value)
    }
    lastText = text
    lastValue = value
    return value
  }
}

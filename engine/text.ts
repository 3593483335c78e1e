// The rule for all text that comes in: names, codes, ids, `sub`, copy, comments, values of constraints, contexts. `readText` returns
// the text that is stored and compared. It is well-formed Unicode in NFC, and trimmed. It has no control characters and no characters
// that reorder the text around them. It is empty or has something visible.
//
// Example: `é` can be one character, or `e` and a combining accent. Both become the first form, so `Café` is one name.

/**
 * - `line`: one line.
 * - `lines`: copy and comments. Line breaks and tabs are allowed.
 * - `actor`: who somebody is. Two actors must not look the same, so invisible characters are refused.
 * - `data`: a text in the free JSON of an app. It is not trimmed, and may be invisible.
 */
export type TextKind = 'line' | 'lines' | 'actor' | 'data'

export type ReadText = { text: string; mistake?: undefined } | { mistake: string }

/** The text as it is stored, or the mistake in it: `must not contain U+202E: ...`. Empty text stays empty. */
export function readText(given: string, kind: TextKind): ReadText {
  if (isPlain(given)) return { text: given }
  const half = HALF.exec(given)
  if (half) return { mistake: `must be well-formed Unicode, but contains ${codePoint(half)}, half of a character` }
  // Normalising n marks in a row takes time proportional to n squared.
  if (MARKS.test(given)) return { mistake: 'must not contain more than 30 combining marks in a row' }
  // An actor is checked before it is trimmed, so that nothing invisible at its ends is dropped silently.
  const whole = given.normalize()
  const text = kind === 'lines' ? whole.replace(LINE_END, '\n').trim() : kind === 'line' ? whole.trim() : whole
  const mistake = mistakeIn(text, kind)
  return mistake === undefined ? { text: kind === 'actor' ? text.trim() : text } : { mistake }
}

/** Printable ASCII without spaces at its ends. Most texts are, and need no further check. */
export function isPlain(text: string): boolean {
  const last = text.length - 1
  // This runs for every text of a request. For short texts it takes half the time of a regular expression.
  for (let at = 0; at <= last; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x20 || unit > 0x7e || (unit === 0x20 && (at === 0 || at === last))) return false
  }
  return true
}

/** In code points. Every limit of a length counts them. */
export function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length += 1
  return length
}

/** Whether a text has more than `most` code points. It counts them only if the text can have so many. */
export function isLonger(text: string, most: number): boolean {
  return text.length > most && lengthOf(text) > most
}

/** The beginning of a text, at most `most` code points. It does not cut inside a visible character. */
export function cutText(text: string, most: number): string {
  if (!isLonger(text, most)) return text
  let cut = ''
  let length = 0
  for (const { segment } of segmenter.segment(text)) {
    length += lengthOf(segment)
    if (length > most) break
    cut += segment
  }
  // The first visible character can be longer than the limit, with hundreds of combining marks. Then it is cut.
  return cut || [...text].slice(0, most).join('')
}

/** The text in quotation marks, for messages. Invisible and reordering characters are escaped as `\\u{202e}`. */
export function quoteText(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028-\u202e\u2066-\u2069]/gu, (found) =>
    [...found].map((unit) => `\\u{${unit.codePointAt(0)!.toString(16)}}`).join(''),
  )
}

const segmenter = new Intl.Segmenter('en')

const HALF = /\p{Cs}/u
/** The Stream-Safe Text Format of UAX #15 allows 30. */
const MARKS = /\p{M}{31}/u
const LINE_END = /\r\n?|[\u2028\u2029]/g
const CONTROL = /[\p{Cc}\u2028\u2029]/u
const CONTROL_IN_LINES = /[^\P{Cc}\n\t]/u
const CONTROL_IN_DATA = /[^\P{Cc}\n\r\t]/u
/** Embeddings, overrides and isolates. The marks that right-to-left text needs (U+200E, U+200F, U+061C) are allowed. */
const REORDERS = /[\u202a-\u202e\u2066-\u2069]/
/**
 * Characters that show nothing, except spaces. U+2800 is a Braille pattern without dots. A font decides what private-use and unassigned
 * characters look like, and may show nothing.
 */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Co}\p{Cn}\u2800\ufff9-\ufffb]/u
const SEEN = /[^\p{Default_Ignorable_Code_Point}\p{Z}\p{Cc}\u2800\ufff9-\ufffb]/u
/** Spaces other than U+0020, and U+FFFD, which replaces unreadable bytes. */
const ALIKE = /[^\P{Z} ]|\ufffd/u

function mistakeIn(text: string, kind: TextKind): string | undefined {
  const control = CONTROLS[kind].exec(text)
  if (control) {
    const what = /[\n\r\u2028\u2029]/.test(control[0]) ? 'a line break: this is one line' : 'a control character'
    return `must not contain ${codePoint(control)}, ${what}`
  }
  const reorders = REORDERS.exec(text)
  if (reorders)
    return `must not contain ${codePoint(reorders)}: it changes the order in which the text around it is shown`
  if (kind === 'data') return undefined
  if (text !== '' && !SEEN.test(text)) return `must contain something visible, not only ${codePoint([text])}`
  const unseen = kind === 'actor' ? (UNSEEN.exec(text) ?? ALIKE.exec(text)) : null
  return unseen ? `must not contain ${codePoint(unseen)}: somebody else could look the same` : undefined
}

const CONTROLS: Record<TextKind, RegExp> = {
  line: CONTROL,
  actor: CONTROL,
  lines: CONTROL_IN_LINES,
  data: CONTROL_IN_DATA,
}

/** The first code point of a match: `U+202E`. */
function codePoint([found]: readonly string[]): string {
  return `U+${found!.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
}

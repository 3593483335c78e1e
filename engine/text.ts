// The one rule for text that comes in: names, codes, ids, `sub`, copy, comments, values of constraints, contexts. What
// `readText` gives is what is stored and what is compared: well-formed Unicode in NFC, trimmed, without control characters and
// without characters that reorder the text around them, and with something in it that can be seen.
//
// So `Café` typed as one character and as `Cafe` with a combining accent are the same name, and nothing reads as something
// that it is not.

/**
 * `line`: one line. `lines`: copy and comments, which may hold line breaks and tabs. `actor`: who somebody is, where what
 * looks the same must be the same. `data`: a part of free JSON, which is the app's own: it is neither trimmed nor has it to
 * hold anything.
 */
export type TextKind = 'line' | 'lines' | 'actor' | 'data'

export type ReadText = { text: string; mistake?: undefined } | { mistake: string }

/** The text as it is stored, or what is wrong with it, as `must not hold U+202E: ...`. Empty text stays empty. */
export function readText(given: string, kind: TextKind): ReadText {
  if (isPlain(given)) return { text: given }
  const half = HALF.exec(given)
  if (half) return { mistake: `must be well-formed Unicode, but holds ${codePoint(half)}, half of a character` }
  // Putting marks in order takes time with the square of how many there are in a row.
  if (MARKS.test(given)) return { mistake: 'must not hold more than 30 combining marks in a row' }
  // Of an actor nothing is dropped in silence, at its ends neither.
  const whole = given.normalize()
  const text = kind === 'lines' ? whole.replace(LINE_END, '\n').trim() : kind === 'line' ? whole.trim() : whole
  const mistake = mistakeIn(text, kind)
  return mistake === undefined ? { text: kind === 'actor' ? text.trim() : text } : { mistake }
}

/** Printable ASCII without spaces at its ends, as most texts are: it is as it should be. */
export function isPlain(text: string): boolean {
  const last = text.length - 1
  // Every text of a request is asked: for short ones this takes half of what a regular expression does.
  for (let at = 0; at <= last; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x20 || unit > 0x7e || (unit === 0x20 && (at === 0 || at === last))) return false
  }
  return true
}

/** In code points, as every limit of length counts. */
export function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length += 1
  return length
}

/** Whether a text has more than so many code points. Only what may have is counted. */
export function isLonger(text: string, most: number): boolean {
  return text.length > most && lengthOf(text) > most
}

/** The beginning of a text, at most so many code points, without cutting what is seen as one character. */
export function cutText(text: string, most: number): string {
  if (!isLonger(text, most)) return text
  let cut = ''
  let length = 0
  for (const { segment } of segmenter.segment(text)) {
    length += lengthOf(segment)
    if (length > most) break
    cut += segment
  }
  // A single one of hundreds of combining marks is cut all the same.
  return cut || [...text].slice(0, most).join('')
}

/** The text in quotation marks, for messages: what could not be seen in it, or would reorder it, is written as `\\u202e`. */
export function quoteText(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028-\u202e\u2066-\u2069]/gu, (found) =>
    [...found].map((unit) => `\\u{${unit.codePointAt(0)!.toString(16)}}`).join(''),
  )
}

const segmenter = new Intl.Segmenter('en')

const HALF = /\p{Cs}/u
/** One more than the Stream-Safe Text Format of UAX #15 has. */
const MARKS = /\p{M}{31}/u
const LINE_END = /\r\n?|[\u2028\u2029]/g
const CONTROL = /[\p{Cc}\u2028\u2029]/u
const CONTROL_IN_LINES = /[^\P{Cc}\n\t]/u
const CONTROL_IN_DATA = /[^\P{Cc}\n\r\t]/u
/** Embeddings, overrides and isolates. The marks that right-to-left text needs (U+200E, U+200F, U+061C) are none of them. */
const REORDERS = /[\u202a-\u202e\u2066-\u2069]/
/** What shows nothing by itself, spaces apart; U+2800 is a pattern of Braille without a dot. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]/u
const SEEN = /[^\p{Default_Ignorable_Code_Point}\p{Z}\p{Cc}\u2800\ufff9-\ufffb]/u
/** Spaces that are not the one of the keyboard, and what stands for bytes that could not be read. */
const ALIKE = /[^\P{Z} ]|\ufffd/u

function mistakeIn(text: string, kind: TextKind): string | undefined {
  const control = CONTROLS[kind].exec(text)
  if (control) {
    const what = /[\n\r\u2028\u2029]/.test(control[0]) ? 'a line break: this is one line' : 'a control character'
    return `must not hold ${codePoint(control)}, ${what}`
  }
  const reorders = REORDERS.exec(text)
  if (reorders) return `must not hold ${codePoint(reorders)}: it changes the order in which the text around it is shown`
  if (kind === 'data') return undefined
  if (text !== '' && !SEEN.test(text)) return `must hold something that can be seen, not only ${codePoint([text])}`
  const unseen = kind === 'actor' ? (UNSEEN.exec(text) ?? ALIKE.exec(text)) : null
  return unseen ? `must not hold ${codePoint(unseen)}: somebody else could look the same` : undefined
}

const CONTROLS: Record<TextKind, RegExp> = {
  line: CONTROL,
  actor: CONTROL,
  lines: CONTROL_IN_LINES,
  data: CONTROL_IN_DATA,
}

/** `U+202E`, the first code point of what was found. */
function codePoint([found]: readonly string[]): string {
  return `U+${found!.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
}

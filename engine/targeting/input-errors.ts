// Mistakes in what a client sent: their type, and helpers for the checks of this folder.

import { cutText, isLonger, lengthOf, quoteText } from '../text.ts'

/** `path` is the place of the mistake: `input.content.constraint.all[1].operator`. */
export type InputError = { path: string; message: string }

/** The properties that are present. Null counts as absent, because GraphQL inputs can have both. */
export function presentFields(input: object): Record<string, unknown> {
  const present = Object.entries(input).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(present)
}

export function isObject(input: unknown): input is object {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}

/** The value that a client sent, short enough for a message. */
export function show(input: unknown): string {
  if (input === undefined) return 'missing'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object' && input !== null) return 'an object'
  const text = typeof input === 'string' ? quoteText(input) : String(input)
  return isLonger(text, 60) ? `${cutText(text, 60)}... (${lengthOf(text)} characters)` : text
}

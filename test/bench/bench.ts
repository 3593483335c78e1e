// What a bench is, and what it measures.

import { median } from './statistics.ts'

/** One line of a result. */
export interface Measurement {
  name: string
  /** The median of `runs`. */
  value: number
  /** `x`: a ratio. */
  unit: 'ms' | 'µs' | 'ns' | 'MB' | 'x' | '/s' | '%' | 'events'
  /** What the design asks for; left out where it asks for nothing. */
  atMost?: number
  atLeast?: number
  runs: readonly number[]
}

export interface Bench {
  summary: string
  /** Options of its own. All take a value, except those without a `placeholder`. */
  options?: Readonly<Record<string, OptionHelp>>
  /** @param print shows progress. */
  run(options: Options, print: (line: string) => void): Promise<Measurement[]>
  /** What stands in the JSON beside the measurements. */
  fields?(measurements: readonly Measurement[]): Record<string, unknown>
}

export type OptionHelp = { placeholder?: string; about: string }

export function summarise(name: string, unit: Measurement['unit'], runs: readonly number[]): Measurement {
  return { name, unit, value: median(runs), runs }
}

/** The options of a call as text. `true`: given, without a value. */
export type Options = Readonly<Record<string, string | boolean | undefined>>

/** Throws when the option is not a whole number from `min` to `max`. */
export function wholeNumber(options: Options, name: string, otherwise: number, min: number, max: number): number {
  const text = options[name]
  if (text === undefined) return otherwise
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new Error(`--${name}: expected a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`)
}

/** The names of a list as `a,b`. Undefined when the option is not given. Throws at an unknown name. */
export function listOf(options: Options, name: string, known: readonly string[]): string[] | undefined {
  const text = options[name]
  if (text === undefined) return undefined
  const names = String(text).split(',')
  const wrong = names.filter((one) => !known.includes(one))
  if (wrong.length === 0) return names
  throw new Error(`--${name}: expected some of ${known.join(', ')}, not ${wrong.join(', ')}`)
}

/** Whether a measurement is what the design asks for. Undefined where it asks for nothing. */
export function isMet({ value, atMost, atLeast }: Measurement): boolean | undefined {
  if (atMost === undefined && atLeast === undefined) return undefined
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY)
}

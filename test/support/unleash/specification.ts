// What @unleash/client-specification holds, as far as it is read here.

import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('../../../node_modules/@unleash/client-specification/specifications/', import.meta.url)

export type UnleashConstraint = {
  contextName: string
  operator: string
  value?: string
  values?: string[]
  inverted?: boolean
  caseInsensitive?: boolean
}

export type UnleashVariant = {
  name: string
  weight: number
  stickiness?: string
  payload?: unknown
  overrides?: unknown[]
}

export type UnleashStrategy = {
  name: string
  parameters?: Record<string, string>
  constraints?: UnleashConstraint[]
  segments?: number[]
  variants?: UnleashVariant[]
}

export type UnleashFeature = {
  name: string
  enabled: boolean
  strategies: UnleashStrategy[]
  variants?: UnleashVariant[]
}

export type UnleashSegment = { id: number; constraints: UnleashConstraint[] }

export type UnleashContext = { [name: string]: unknown; properties?: Record<string, string | number | null> }

export type UnleashVariantResult = { name: string; payload?: unknown; enabled: boolean; feature_enabled: boolean }

type Case<Result> = { description: string; context: UnleashContext; toggleName: string; expectedResult: Result }

export type Specification = {
  state: { features: UnleashFeature[]; segments?: UnleashSegment[] }
  tests?: Case<boolean>[]
  variantTests?: Case<UnleashVariantResult>[]
}

/** The names of all files with cases: `01-simple-examples`. */
export function specificationNames(): string[] {
  const files = readdirSync(FOLDER).filter((file) => file !== 'index.json')
  return files.map((file) => file.replace(/\.json$/, '')).sort()
}

export function readSpecification(name: string): Specification {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'))
}

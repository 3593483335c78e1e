// Walks the SDL: every limit in a description is enforced exactly. A description with a number that this file cannot parse fails, so
// that no limit exists only in words.

import { beforeAll, expect, test } from '@jest/globals'
import {
  type DocumentNode,
  type FieldDefinitionNode,
  type InputObjectTypeDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  type TypeNode,
} from 'graphql'
import { readTypeDefs } from '../../common/graphql/subgraph.ts'
import type { Store } from '../../common/store/store.ts'
import { inputFor, PLANNING_MUTATIONS, type PlanningMutation } from '../support/mutation-inputs.ts'
import { failure, type Input, makeApp, type Planning, run, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

type Limit = {
  mutation: PlanningMutation
  path: (string | number)[]
  unit: 'characters' | 'number'
  min: number
  max: number
}

/**
 * Limits that are no simple range. Their own tests: apps, operations, schedule, schedule-slots, schedule-times, formats, creative, strategy,
 * frequency-caps-planning, archive-live.
 */
const TESTED_ELSEWHERE = [
  ...['code', 'linkSchemes', 'corsOrigins', 'fallback', 'ratio', 'dataSchema', 'creatives', 'data'],
  ...[
    'constraint',
    'values',
    'caps',
    'count',
    'every',
    'dayParts',
    'from',
    'to',
    'excludedDates',
    'recurrence',
    'manifest',
    'removeUsed',
    'confirmLive',
  ],
]

const limits = (['schedule', 'creative', 'strategy'] as const).flatMap(limitsIn)

describeEachStore('Limits that the SDL states', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  test('are found in the SDL of every mutation', () => {
    const limited = PLANNING_MUTATIONS.filter((mutation) => !/^(un)?archive/.test(mutation)) // whose input is an id and a version
    expect(new Set(limits.map(({ mutation }) => mutation))).toEqual(new Set(limited))
    expect(limits.length).toBeGreaterThan(30)
  })

  test.each(limits.map((limit) => [`${limit.mutation} ${pathText(limit.path)}`, limit] as const))(
    '%s takes what its description says, and nothing beyond',
    async (_, limit) => {
      const { mutation, unit, min, max, path } = limit
      const outcome = async (size: number) => {
        const input = structuredClone(await inputFor(planning, mutation, app))
        set(input, path, unit === 'number' ? size : textOf(String(path.at(-1)), size))
        return size < min || size > max ? failure(planning, mutation, input) : run(planning, mutation, input)
      }
      const smallest = unit === 'characters' && ['url', 'link'].includes(String(path.at(-1))) ? 20 : min
      await outcome(smallest)
      await outcome(max)
      const refused = { code: 'BAD_USER_INPUT', path: pathText(path) }
      expect(await outcome(max + 1)).toMatchObject(refused)
      if (unit === 'number' || min > 0) expect(await outcome(min - 1)).toMatchObject(refused)
    },
  )

  test('a constraint may be 8 deep and no deeper, of 200 nodes and no more, of 1,000 values of 256 characters', async () => {
    const leaf = { dimension: 'tags', operator: 'IN', values: ['a'] }
    const deep = (depth: number): Input => (depth === 1 ? leaf : { not: deep(depth - 1) })
    const values = (count: number, length: number) => ({
      ...leaf,
      values: Array.from({ length: count }, (_, index) => String(index).padEnd(length, 'x')),
    })
    const attempt = async (constraint: Input) => ({ app, content: { name: 'S', constraint } })
    for (const most of [deep(8), { all: Array(199).fill(leaf) }, values(1_000, 256)]) {
      await run(planning, 'createStrategy', await attempt(most))
    }
    for (const beyond of [
      deep(9),
      { all: Array(200).fill(leaf) },
      values(1_001, 1),
      values(1, 257),
      values(0, 1),
      { ...leaf, values: [''] },
    ]) {
      const failed = await failure(planning, 'createStrategy', await attempt(beyond))
      expect(failed.path ?? failed.message).toMatch(/^input\.content\.constraint/)
    }
  })
})

function limitsIn(subgraph: 'schedule' | 'creative' | 'strategy'): Limit[] {
  const sdl = readTypeDefs(new URL(`../../subgraphs/${subgraph}/schema.graphql`, import.meta.url))
  return mutationsOf(sdl).flatMap((field) => {
    const input = inputType(sdl, namedType(field.arguments![0]!.type))!
    return limitsOf(sdl, field.name.value as PlanningMutation, input, ['input'])
  })
}

function limitsOf(
  sdl: DocumentNode,
  mutation: PlanningMutation,
  type: InputObjectTypeDefinitionNode,
  path: (string | number)[],
): Limit[] {
  return type.fields!.flatMap((field) => {
    const name = field.name.value
    const here = [...path, name]
    const stated = rangeIn(field, mutation, here)
    const inner = inputType(sdl, namedType(field.type))
    if (!inner || name === 'constraint') return stated
    return [...stated, ...limitsOf(sdl, mutation, inner, isList(field.type) ? [...here, 0] : here)]
  })
}

/** The range that a description states: `1 to 200 characters`, `at most 500 characters`, `-1,000 to 1,000`. */
function rangeIn(field: InputValueDefinitionNode, mutation: PlanningMutation, path: (string | number)[]): Limit[] {
  const name = field.name.value
  const description = field.description!.value
  if (TESTED_ELSEWHERE.includes(name) || name === 'idempotencyKey') return []
  const number = (digits: string) => Number(digits.replaceAll(',', ''))
  const unit = /characters/.test(description) ? 'characters' : 'number'
  const range = /(-?[\d,]+) to ([\d,]+)/.exec(description)
  if (range) return [{ mutation, path, unit, min: number(range[1]!), max: number(range[2]!) }]
  const most = /at most ([\d,]+) characters/i.exec(description)
  if (most) return [{ mutation, path, unit, min: 0, max: number(most[1]!) }]
  if (/\d/.test(description)) throw new Error(`${pathText(path)}: no test holds ${JSON.stringify(description)}`)
  return []
}

function textOf(field: string, length: number): string {
  return field === 'url' || field === 'link' ? 'https://a.example/'.padEnd(length, 'x') : 'x'.repeat(length)
}

/** What an input that may be left out must have once it is there. */
const REQUIRED: Input = { image: { url: 'https://a.example' }, rollout: { percentage: 50 } }

function set(input: Input, [, ...path]: (string | number)[], value: unknown): void {
  let part = input
  for (const [index, step] of path.entries()) {
    if (index === path.length - 1) part[step] = value
    else part = part[step] ??= path[index - 1] === 'format' ? {} : { ...REQUIRED[step] }
  }
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`)).join('')
}

function mutationsOf(sdl: DocumentNode): readonly FieldDefinitionNode[] {
  for (const node of sdl.definitions) {
    if (node.kind === Kind.OBJECT_TYPE_DEFINITION && node.name.value === 'Mutation') return node.fields!
  }
  throw new Error('No mutations')
}

function inputType(sdl: DocumentNode, name: string): InputObjectTypeDefinitionNode | undefined {
  for (const node of sdl.definitions) {
    if (node.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION && node.name.value === name) return node
  }
  return undefined
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

function isList(type: TypeNode): boolean {
  return type.kind === Kind.LIST_TYPE || (type.kind === Kind.NON_NULL_TYPE && isList(type.type))
}

// Random constraints and contexts over small alphabets, so that what is asked for and what is held meet often.

import fc from 'fast-check'
import { findDimension } from '../../engine/targeting/dimensions.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'
import type { Comparison, InlinedConstraint, Operator, RequestContext } from '../../engine/targeting/types.ts'

const VERSIONS = ['8', '8.0.0', 'v8.1', '8.01+5', '8.1-beta.2', '8.1.0-beta.11', '8.1-rc', '8.10', '21.0.1180.89']
const REGIONS = ['CN', 'cn-11', 'CN_11-2', 'CN-1', 'US']
const LANGUAGES = ['zh', 'zh-Hans', 'ZH_hans_CN', 'zho', 'en-US']
const PLATFORMS = ['ios', 'iOS', 'android']
const NETWORKS = ['wifi', 'WiFi', 'none']
const TEXTS = ['a', 'b', 'A', '1', 'ab', 'Ba', 'É1', 'é1']
const NUMBERS = ['0', '-0.0', '1', '01', '2.5', '2.50', '-3', '10', '1e1']
const DATES = [
  '2026-05-01',
  '2026-05-01T00:00Z',
  '2026-05-01T08:00+08:00',
  '2026-04-30T23:59:59.999Z',
  '2026-05-01T00:00:00.0009Z',
  '2028-02-29',
]
/** Of a syntax that RE2 and JavaScript have alike. */
const PATTERNS = ['a', '^a', 'b$', '^[ab]+$', '^(a|1).?$', '^.\\d$', 'i.*s', '\\bios\\b']

/** Per dimension: what constraints ask for and requests hold; then what requests hold beside that and cannot be read. */
export const ALPHABETS: Record<string, { values: string[]; strays: string[] }> = {
  tags: { values: TEXTS, strays: [''] },
  appVersion: { values: VERSIONS, strays: ['x', '8.', ''] },
  osVersion: { values: VERSIONS, strays: ['8.x'] },
  platform: { values: PLATFORMS, strays: [''] },
  network: { values: NETWORKS, strays: [''] },
  region: { values: REGIONS, strays: ['CNX', 'CN-', 'C', 'China, Beijing', ''] },
  language: { values: LANGUAGES, strays: ['z', 'zh-', 'zh--CN', ''] },
  channel: { values: TEXTS, strays: [''] },
  'attributes.x': { values: TEXTS, strays: [''] },
  'attributes.y': { values: [...NUMBERS, ...VERSIONS], strays: ['', '.', 'one', '0x1', 'Infinity', ' 1'] },
  'attributes.z': { values: DATES, strays: ['', '2026-02-30', '2026-05-01T00:00', '2026-05-01T24:00Z', 'today'] },
}

/** One comparison, as a strategy may hold it. Each operator is as frequent as any other. */
export const comparison: fc.Arbitrary<Comparison> = fc
  .constantFrom(...(Object.keys(OPERATORS) as Operator[]))
  .chain((operator) => fc.tuple(fc.constant(operator), fc.constantFrom(...dimensionsWith(operator))))
  .chain(([operator, dimension]) => {
    const folds = findDimension(dimension)!.kind.caseMatters && OPERATORS[operator].comparesLetters
    return fc
      .tuple(listOf(valuesFor(dimension, operator), operator), folds ? fc.boolean() : fc.constant(false))
      .filter(([values]) => !OPERATORS[operator].mistakeIn?.(values))
      .map(([values, caseInsensitive]) => ({
        ...{ dimension, operator, values },
        ...(caseInsensitive ? { caseInsensitive } : {}),
      }))
  })

const trees = fc.letrec<{ constraint: InlinedConstraint; children: InlinedConstraint[] }>((tie) => ({
  children: fc.array(tie('constraint'), { maxLength: 3 }),
  constraint: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { arbitrary: comparison, weight: 2 },
    tie('children').map((all) => ({ all })),
    fc.tuple(tie('constraint'), tie('children')).map(([first, rest]) => ({ any: [first, ...rest] })),
    tie('constraint').map((not) => ({ not })),
  ) as fc.Arbitrary<InlinedConstraint>,
}))

/** A tree of comparisons. */
export const constraint = trees.constraint

const heldIn = (dimension: string) => {
  const { values, strays } = ALPHABETS[dimension]!
  return fc.oneof({ arbitrary: fc.constantFrom(...values), weight: 4 }, fc.constantFrom(...strays))
}

const attribute = fc
  .constantFrom('x', 'y', 'z')
  .chain((name) =>
    fc.record({ name: fc.constant(name), values: fc.array(heldIn(`attributes.${name}`), { maxLength: 2 }) }),
  )

/** Each single dimension held or not. */
const held = Object.keys(ALPHABETS)
  .filter((name) => name !== 'tags' && !name.startsWith('attributes.'))
  .map((name) => [name, fc.option(heldIn(name))] as const)

/** What a request may bring. */
export const context: fc.Arbitrary<RequestContext> = fc.record(
  {
    userId: fc.option(fc.string({ unit: 'binary', maxLength: 5 })),
    deviceId: fc.option(fc.string({ maxLength: 5 })),
    tags: fc.option(fc.array(heldIn('tags'), { maxLength: 3 })),
    ...Object.fromEntries(held),
    attributes: fc.option(fc.array(attribute, { maxLength: 3 })),
  },
  { requiredKeys: [] },
)

/** A comparison and a context which mostly holds something in its dimension. */
export const asked: fc.Arbitrary<[Comparison, RequestContext]> = comparison.chain((of) => {
  const { dimension } = of
  const one = heldIn(dimension).map((value) => ({ [dimension]: value }))
  const many = fc.array(heldIn(dimension), { minLength: 1, maxLength: 2 }).map((values) => {
    if (dimension === 'tags') return { tags: values }
    return { attributes: [{ name: dimension.slice('attributes.'.length), values }] }
  })
  const holding = dimension === 'tags' || dimension.startsWith('attributes.') ? many : one
  return fc.tuple(fc.constant(of), fc.oneof({ arbitrary: holding, weight: 3 }, context))
})

function dimensionsWith(operator: Operator): string[] {
  return Object.keys(ALPHABETS).filter((dimension) => findDimension(dimension)!.operators.includes(operator))
}

/** The values that constraints with this operator may ask for. */
function valuesFor(dimension: string, operator: Operator): string[] {
  if (operator.startsWith('NUMBER')) return NUMBERS
  if (operator.startsWith('VERSION')) return VERSIONS
  if (operator.startsWith('DATE')) return DATES
  return operator === 'MATCHES' ? PATTERNS : ALPHABETS[dimension]!.values
}

function listOf(values: string[], operator: Operator): fc.Arbitrary<string[]> {
  const { takes } = OPERATORS[operator]
  const [minLength, maxLength] = takes === 'one or more' ? [1, 3] : Array(2).fill(COUNTS[takes])
  return fc.array(fc.constantFrom(...values), { minLength, maxLength })
}

const COUNTS = { none: 0, 'exactly one': 1, 'exactly two': 2 }

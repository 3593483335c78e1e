// Random operations on the decisions of a node, as apps might write them, and random variables for them, right and wrong.

import fc from 'fast-check'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { context } from './arbitrary-constraint.ts'

/** The types that a selection can be on: field -> the type that its own selection is on; null: it has none. */
const FIELDS: Record<string, Record<string, string | null>> = {
  Decision: { slot: null, reason: null, creatives: 'DecidedCreative', capToken: null, __typename: null },
  DecidedCreative: {
    ...{ creative: null, revision: null, schedule: null, title: null, text: null, image: 'DecidedImage' },
    ...{ link: null, data: null, eventToken: null, __typename: null },
  },
  DecidedImage: { url: null, width: null, height: null, alt: null, __typename: null },
}

const directive = fc.oneof(
  { arbitrary: fc.constant(''), weight: 6 },
  fc.constantFrom('@include(if: $yes)', '@skip(if: $yes)', '@include(if: $no)', '@skip(if: $no)'),
  fc.constantFrom('@include(if: true)', '@skip(if: true)', '@include(if: false) @skip(if: false)'),
)
const alias = (field: string) =>
  fc.oneof(
    { arbitrary: fc.constant(''), weight: 4 },
    fc.constantFrom('a', 'b').map((name) => `${name}_${field}: `),
  )

/** The text of a selection on a type, with fragments in it up to a depth. */
function selection(type: string, depth: number): fc.Arbitrary<string> {
  const field = fc.constantFrom(...Object.keys(FIELDS[type]!)).chain((name) => {
    const below = FIELDS[type]![name]
    const inner = below ? selection(below, depth).map((text) => ` ${text}`) : fc.constant('')
    return fc.tuple(alias(name), directive, inner).map(([as, when, text]) => `${as}${name} ${when}${text}`)
  })
  const spread = fc
    .constantFrom(`... on ${type}`, '...')
    .chain((head) =>
      fc
        .tuple(directive, depth > 0 ? selection(type, depth - 1) : fc.constant('{ __typename }'))
        .map(([when, text]) => `${head} ${when} ${text}`),
    )
  const named = directive.map((when) => `...${type}Part ${when}`)
  const part = fc.oneof({ arbitrary: field, weight: 6 }, spread, ...(depth > 0 ? [named] : []))
  return fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => `{ ${parts.join(' ')} }`)
}

const root = fc.constantFrom(
  'decisions(app: $app, slots: $slots, context: $context)',
  'decisions(app: "shop", slots: ["home"])',
  'decisions(app: $app, slots: "home", context: null)',
  'decisions(app: $app, slots: ["home", $other], context: {userId: "ann", tags: "x"})',
)

/** The text of an operation. Not every one is valid: two fields of one name may differ. */
export const decisionsOperation: fc.Arbitrary<string> = fc
  .record({
    roots: fc.array(fc.tuple(fc.constantFrom('', 'one: ', 'two: '), root, directive, selection('Decision', 2)), {
      minLength: 1,
      maxLength: 3,
    }),
    typename: fc.constantFrom('', '__typename', 'kind: __typename'),
    parts: fc.tuple(
      ...Object.keys(FIELDS).map((type) => selection(type, 0).map((text) => `fragment ${type}Part on ${type} ${text}`)),
    ),
  })
  .map(({ roots, typename, parts }) => {
    const fields = roots.map(([as, field, when, text]) => `${as}${field} ${when} ${text}`)
    const operation = `{ ${typename} ${fields.join(' ')} }`
    const used = [...parts].filter((part) => operation.includes(`...${part.split(' ')[1]} `))
    const text = `${operation} ${used.join(' ')}`
    const declared = [
      ['$app', 'ID!'],
      ['$slots', '[String!]!'],
      ['$context', 'ContextInput'],
      ['$other', 'String! = "other"'],
      ['$yes', 'Boolean!'],
      ['$no', 'Boolean = false'],
    ].filter(([name]) => text.includes(name!))
    const definitions = declared.length === 0 ? '' : `(${declared.map((pair) => pair.join(': ')).join(', ')})`
    return `query Random${definitions} ${text}`
  })

const right = fc.record(
  {
    app: fc.constantFrom<unknown>('shop', 'shop', 'shop', 'elsewhere', 7),
    slots: fc.constantFrom<unknown>(['home'], 'home', ['home', 'other'], ['nowhere', 'home'], ['home', 'home'], []),
    context: fc.oneof(fc.constant(null), context as fc.Arbitrary<RequestContext | null>),
    other: fc.constantFrom('other', 'third'),
    yes: fc.boolean(),
    no: fc.boolean(),
  },
  { requiredKeys: ['app', 'slots', 'yes'] },
)

const wrong = fc.constantFrom<unknown>(
  null,
  undefined,
  1,
  'text',
  [],
  [null],
  {},
  { userId: 5 },
  { nobody: 'x' },
  true,
  [['home']],
)

/** Variables that mostly fit the operation; every now and then one is left out, null or of another type. */
export const operationVariables: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  { arbitrary: right as fc.Arbitrary<Record<string, unknown>>, weight: 5 },
  fc
    .tuple(right, fc.constantFrom('app', 'slots', 'context', 'other', 'yes', 'no'), wrong)
    .map(([variables, name, value]) => {
      const { [name]: _gone, ...rest } = variables as Record<string, unknown>
      return value === undefined ? rest : { ...rest, [name]: value }
    }),
)

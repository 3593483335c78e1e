import { describe, expect, test } from '@jest/globals'
import { Kind } from 'graphql'
import { checkContext } from '../../common/command/context-input.ts'
import { readTypeDefs } from '../../common/graphql/subgraph.ts'
import { DIMENSIONS } from '../../engine/targeting/dimensions.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { distributionSchema } from '../../subgraphs/distribution/app.ts'

const BOUNDED_OTHERWISE = ['tags', 'attributes', 'capToken']

const fields = readTypeDefs(distributionSchema).definitions.flatMap((node) =>
  node.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION && node.name.value === 'ContextInput'
    ? (node.fields ?? []).map(({ name }) => name.value)
    : [],
)
const texts = fields.filter((field) => !BOUNDED_OTHERWISE.includes(field))

/** The path of what is refused; undefined when nothing is. */
function refusal(context: RequestContext): unknown {
  try {
    checkContext(context)
    return undefined
  } catch (error) {
    return (error as { extensions: { path: string } }).extensions.path
  }
}

describe('the context of a request', () => {
  test('has a field for every dimension', () => {
    expect(new Set(fields)).toEqual(
      new Set(['userId', 'deviceId', ...DIMENSIONS.map(({ name }) => name), 'attributes', 'capToken']),
    )
  })

  test.each(texts)('holds at most 256 characters in %s', (field) => {
    expect(refusal({ [field]: 'x'.repeat(256) })).toBeUndefined()
    expect(refusal({ [field]: 'x'.repeat(257) })).toBe(`context.${field}`)
    expect(refusal({ [field]: null })).toBeUndefined()
  })

  test('holds a cap token of at most 2,100 characters', () => {
    expect(refusal({ capToken: 'x'.repeat(2_100) })).toBeUndefined()
    expect(refusal({ capToken: 'x'.repeat(2_101) })).toBe('context.capToken')
  })

  test('is bounded in its lists too', () => {
    const long = 'x'.repeat(257)
    const named = (name: string, values: string[]) => ({ attributes: [{ name, values }] })
    expect(refusal({ tags: Array(200).fill('x') })).toBeUndefined()
    expect(refusal({ tags: Array(201).fill('x') })).toBe('context.tags')
    expect(refusal({ tags: ['x', long] })).toBe('context.tags[1]')
    expect(refusal({ attributes: Array(51).fill({ name: 'x', values: [] }) })).toBe('context.attributes')
    expect(refusal(named('a b', []))).toBe('context.attributes[0].name')
    expect(refusal(named('x', Array(51).fill('x')))).toBe('context.attributes[0].values')
    expect(refusal(named('x', [long]))).toBe('context.attributes[0].values[0]')
  })
})

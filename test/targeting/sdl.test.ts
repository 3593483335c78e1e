// The SDL repeats what the tables of engine/targeting say; nothing may be in one of them only, or said otherwise.

import { expect, test } from '@jest/globals'
import { type DocumentNode, Kind } from 'graphql'
import { readTypeDefs } from '../../common/graphql/subgraph.ts'
import { describeDimensions } from '../../engine/targeting/dimensions.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'

const sdl = readTypeDefs(new URL('../../subgraphs/strategy/schema.graphql', import.meta.url))

test('ConstraintOperator has every operator, described as in the table', () => {
  const described = Object.entries(OPERATORS).map(([name, { description }]) => [name, description])
  expect(valuesOf(sdl, 'ConstraintOperator')).toEqual(described)
})

test('DimensionType has the type of every dimension, and no other', () => {
  const names = valuesOf(sdl, 'DimensionType').map(([name]) => name)
  expect(new Set(names)).toEqual(new Set(describeDimensions().map(({ type }) => type)))
})

/** Name and description of each value of an enum. */
function valuesOf({ definitions }: DocumentNode, name: string): [string, string | undefined][] {
  for (const node of definitions) {
    if (node.kind !== Kind.ENUM_TYPE_DEFINITION || node.name.value !== name) continue
    return node.values!.map((value) => [value.name.value, value.description?.value])
  }
  throw new Error(`No enum ${name}`)
}

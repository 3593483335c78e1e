// The schema is the documentation of the API: everything that a client can see has a description.

import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { buildASTSchema, isEnumType, isInputObjectType, isObjectType, parse } from 'graphql'

const supergraph = readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8')
const schema = buildASTSchema(parse(supergraph), { assumeValid: true })
const ofFederation = /^(join__|link__|_)/

test('every type, field, argument and enum value of the supergraph has a description', () => {
  const bare: string[] = []
  const check = (name: string, { description }: { description?: string | null | undefined }) => {
    if (!description?.trim()) bare.push(name)
  }
  for (const type of Object.values(schema.getTypeMap())) {
    if (ofFederation.test(type.name) || type.name.startsWith('__') || !type.astNode) continue
    check(type.name, type)
    if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value)
    if (!isObjectType(type) && !isInputObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      check(`${type.name}.${field.name}`, field)
      if ('args' in field)
        for (const argument of field.args) check(`${type.name}.${field.name}(${argument.name})`, argument)
    }
  }
  expect(bare).toEqual([])
})

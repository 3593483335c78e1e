// Rules for the SDL of every subgraph, so that they form one graph: which subgraph describes a type, which fields are nullable because
// another subgraph may be down, and how lists are paged.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import {
  type ConstDirectiveNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  type TypeNode,
} from 'graphql'
import { subgraphs } from '../../subgraphs/registry.ts'

const documents = subgraphs.map(({ name }) => {
  const file = new URL(`../../subgraphs/${name}/schema.graphql`, import.meta.url)
  return { name, definitions: parse(readFileSync(file, 'utf8')).definitions }
})

describe.each(documents)('The SDL of $name', ({ definitions }) => {
  const objects = definitions.filter((definition) => definition.kind === Kind.OBJECT_TYPE_DEFINITION)
  const foreign = new Set(objects.filter((type) => !type.description).map((type) => type.name.value))

  test('describes its own types; for types of other subgraphs it has the key, and describes the fields that it adds', () => {
    const bare: string[] = []
    for (const definition of definitions) {
      if (!('description' in definition) || !('name' in definition) || !definition.name) continue
      const type = definition.name.value
      const isEntity = definition.kind === Kind.OBJECT_TYPE_DEFINITION && keysOf(definition).size > 0
      if (!definition.description && !isEntity) bare.push(type)
      for (const part of partsOf(definition)) {
        const taken = isEntity && foreign.has(type) && isTaken(definition, part)
        if (!part.description && !taken) bare.push(`${type}.${part.name.value}`)
        const given = 'arguments' in part ? (part.arguments ?? []) : []
        bare.push(
          ...given.filter((one) => !one.description).map((one) => `${type}.${part.name.value}(${one.name.value})`),
        )
      }
    }
    expect(bare).toEqual([])
  })

  test('makes fields of other subgraphs nullable, so that a subgraph that is down costs only its fields', () => {
    const required = objects.flatMap((type) =>
      (type.fields ?? [])
        .filter(
          (field) =>
            isRequired(field.type, foreign) || (foreign.has(type.name.value) && isAddedAsRequired(type, field)),
        )
        .map((field) => `${type.name.value}.${field.name.value}`),
    )
    expect(required).toEqual([])
  })

  test('pages every list with `first` and `after`, and answers a `total`', () => {
    const connections = objects.filter((type) => type.name.value.endsWith('Connection'))
    for (const { name, fields } of connections) {
      expect([name.value, (fields ?? []).map((field) => field.name.value).sort()]).toEqual([
        name.value,
        ['edges', 'nodes', 'pageInfo', 'total'],
      ])
    }
    for (const field of objects.flatMap(({ fields }) => fields ?? [])) {
      if (!namedType(field.type).endsWith('Connection')) continue
      const given = (field.arguments ?? []).map((argument) => argument.name.value)
      expect([field.name.value, given]).toEqual([field.name.value, expect.arrayContaining(['first', 'after'])])
    }
  })
})

type Part = { name: { value: string }; description?: unknown }

function partsOf(definition: object): readonly (FieldDefinitionNode | Part)[] {
  if ('fields' in definition) return definition.fields as readonly FieldDefinitionNode[]
  return 'values' in definition ? (definition.values as readonly Part[]) : []
}

function keysOf({ directives = [] }: ObjectTypeDefinitionNode): Set<string> {
  const keys = directives.filter((directive) => directive.name.value === 'key').flatMap(fieldsNamed)
  return new Set(keys)
}

function fieldsNamed({ arguments: given = [] }: ConstDirectiveNode): string[] {
  return given.flatMap(({ value }) => (value.kind === Kind.STRING ? value.value.split(' ') : []))
}

/** The owner describes it: it is of the key, external, or answered by both. */
function isTaken(type: ObjectTypeDefinitionNode, field: FieldDefinitionNode | Part): boolean {
  const directives = 'directives' in field ? (field.directives ?? []) : []
  const shared = directives.some(({ name }) => name.value === 'external' || name.value === 'shareable')
  return shared || keysOf(type).has(field.name.value)
}

function isAddedAsRequired(type: ObjectTypeDefinitionNode, field: FieldDefinitionNode): boolean {
  return field.type.kind === Kind.NON_NULL_TYPE && !isTaken(type, field)
}

/** Whether a type of others stands in it behind a `!`: what is inside of it would be missed outside. */
function isRequired(type: TypeNode, foreign: ReadonlySet<string>): boolean {
  if (type.kind === Kind.LIST_TYPE) return isRequired(type.type, foreign)
  if (type.kind === Kind.NAMED_TYPE) return false
  return (type.type.kind === Kind.NAMED_TYPE && foreign.has(type.type.name.value)) || isRequired(type.type, foreign)
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

// The mutations, as the committed supergraph has them.

import { readFileSync } from 'node:fs'
import { type FieldDefinitionNode, Kind, parse, type TypeNode } from 'graphql'

/** `graph`: the subgraph. `takes`: the fields of its input. `answer`: the type of its answer. `answers`: what to ask for. */
export type Mutation = {
  name: string
  graph: string
  input: string
  takes: ReadonlySet<string>
  answer: string
  answers: string
}

export const MUTATIONS: readonly Mutation[] = readMutations()

/** Throws when the supergraph has no mutation of this name. */
export function mutationOf(name: string): Mutation {
  const found = MUTATIONS.find((mutation) => mutation.name === name)
  if (!found) throw new Error(`The supergraph has no mutation ${name}. Run: npm run generate`)
  return found
}

function readMutations(): Mutation[] {
  const { definitions } = parse(readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8'))
  const types = new Map(
    definitions
      .filter((node) => node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION)
      .map((node) => [node.name.value, node.fields ?? []]),
  )
  const fieldsOf = (type: string) => new Set(types.get(type)!.map((field) => field.name.value))
  const mutations = types.get('Mutation') as readonly FieldDefinitionNode[]
  return mutations.map(({ name, type, arguments: taken, directives }) => {
    const graph = directives!.find((directive) => directive.name.value === 'join__field')!.arguments![0]!.value
    const input = nameOf(taken![0]!.type)
    const answer = nameOf(type)
    return {
      name: name.value,
      graph: graph.kind === Kind.ENUM ? graph.value.toLowerCase() : '',
      input,
      takes: fieldsOf(input),
      answer,
      answers: fieldsOf(answer).has('id') ? 'id' : '__typename',
    }
  })
}

function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type)
}

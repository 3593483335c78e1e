// Limits how much one document may ask for. Counting takes time linear in the document, and happens before validation and
// planning, whose work can grow much faster.
//
// Validation compares all fields with the same name in the same place, in pairs. Example: `slots { nodes { id } }` written 100 times
// asks for one list, but causes 3 x 4,950 comparisons (three levels, 100 x 99 / 2 pairs). So comparisons are counted as well.

import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql'
import { AlkaidError, badInput } from '../base/errors.ts'
import type { TextLimits } from './query-text.ts'

/** Limits of one document. Fields, aliases, directives and depth count a fragment again at each place where it is used. */
export type QueryLimits = TextLimits & {
  depth: number
  aliases: number
  directives: number
  fields: number
  /** Comparisons of two fields, or of parts of their arguments. Each field adds one. A comparison takes about 0.5 microseconds. */
  comparisons: number
}

/** For clients. Tokens, depth, aliases, directives and fields can be changed by settings. */
export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  tokens: 5_000,
  nameLength: 200,
  braces: 200,
  depth: 16,
  aliases: 15,
  directives: 50,
  fields: 1_000,
  comparisons: 20_000,
}

/** Limited, since every validation rule visits every fragment for every operation. */
const MAX_OPERATIONS = 20
/** Limited, since every fragment may be compared with every other one. */
const MAX_FRAGMENTS = 100

type Size = { depth: number; aliases: number; directives: number; fields: number }
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** Throws LIMIT_EXCEEDED for a document that asks for too much, and BAD_USER_INPUT when a fragment contains itself. */
export function requireWithinLimits(document: DocumentNode, limits: QueryLimits): void {
  const operations = document.definitions.filter((part) => part.kind === Kind.OPERATION_DEFINITION)
  const fragmentNodes = document.definitions.filter((part) => part.kind === Kind.FRAGMENT_DEFINITION)
  requireAtMost('operations', operations.length, MAX_OPERATIONS)
  requireAtMost('fragments', fragmentNodes.length, MAX_FRAGMENTS)
  const fragments = new Map(fragmentNodes.map((node) => [node.name.value, node]))
  const sizeOf = sizes(fragments)
  for (const operation of operations) requireSize(sizeOf(operation), limits)
  // Validation also visits unused fragments.
  for (const fragment of fragmentNodes) requireAtMost('fields', sizeOf(fragment).fields, limits.fields)
  requireFewComparisons([...operations, ...fragmentNodes], fragments, limits.comparisons)
}

/** The fields of an operation, with its fragments written out. Check the limits first: they refuse fragments that contain themselves. */
export function countFields(document: DocumentNode, operation: OperationDefinitionNode): number {
  const fragmentNodes = document.definitions.filter((part) => part.kind === Kind.FRAGMENT_DEFINITION)
  return sizes(new Map(fragmentNodes.map((node) => [node.name.value, node])))(operation).fields
}

function requireSize(size: Size, limits: QueryLimits): void {
  for (const what of ['depth', 'aliases', 'directives', 'fields'] as const)
    requireAtMost(what, size[what], limits[what])
}

/** Limit -> its words in the error message, and its setting. */
const LIMIT_TEXTS = {
  depth: { unit: 'levels of fields', hint: 'Ask for fewer levels at once.', setting: 'MAX_QUERY_DEPTH' },
  aliases: { unit: 'aliases', hint: 'Split it into several requests.', setting: 'MAX_QUERY_ALIASES' },
  directives: { unit: 'directives', hint: 'Leave some out.', setting: 'MAX_QUERY_DIRECTIVES' },
  fields: {
    unit: 'fields, with its fragments written out',
    hint: 'Split it into several requests.',
    setting: 'MAX_QUERY_FIELDS',
  },
  operations: { unit: 'operations', hint: 'Send only the one that is to be run.', setting: undefined },
  fragments: { unit: 'fragments', hint: 'Send only those that are used, or fewer of them.', setting: undefined },
} as const

function requireAtMost(what: keyof typeof LIMIT_TEXTS, found: number, max: number): void {
  if (found <= max) return
  const { unit, hint, setting } = LIMIT_TEXTS[what]
  const number = (value: number) => (value > 1_000_000 ? 'more than 1,000,000' : value.toLocaleString('en'))
  const message = `A query may have at most ${number(max)} ${unit}, and this one has ${number(found)}. ${hint}`
  throw new AlkaidError('LIMIT_EXCEEDED', setting ? `${message} (The limit is the setting ${setting}.)` : message)
}

/** Returns a function that measures definitions. It walks each fragment only once, however often the fragment is used. */
function sizes(fragments: Fragments): (part: OperationDefinitionNode | FragmentDefinitionNode) => Size {
  /** Fragment -> its size, or 'within' while it is being walked. */
  const known = new Map<string, Size | 'within'>()

  function ofFragment(name: string): Size {
    const found = known.get(name)
    if (found === 'within') throw badInput('query', `the fragment ${name} must not contain itself`)
    if (found) return found
    const fragment = fragments.get(name)
    if (!fragment) return { depth: 0, aliases: 0, directives: 0, fields: 0 } // validation reports the missing fragment
    known.set(name, 'within')
    const size = ofSelections(fragment.selectionSet, fragment.directives?.length)
    known.set(name, size)
    return size
  }

  function ofSelections({ selections }: SelectionSetNode, directives = 0): Size {
    const size = { depth: 0, aliases: 0, directives, fields: 0 }
    for (const selection of selections) {
      const inner =
        selection.kind === Kind.FRAGMENT_SPREAD
          ? ofFragment(selection.name.value)
          : selection.selectionSet && ofSelections(selection.selectionSet)
      size.directives += (selection.directives?.length ?? 0) + (inner?.directives ?? 0)
      size.aliases += inner?.aliases ?? 0
      size.fields += inner?.fields ?? 0
      if (selection.kind === Kind.FIELD) {
        size.fields += 1
        if (selection.alias) size.aliases += 1
        size.depth = Math.max(size.depth, 1 + (isIntrospection(selection) ? 0 : (inner?.depth ?? 0)))
      } else size.depth = Math.max(size.depth, inner?.depth ?? 0)
    }
    return size
  }

  return (part) => {
    if (part.kind === Kind.FRAGMENT_DEFINITION) {
      // Validation refuses two fragments with one name. Until then, the one that is not in the map is measured by itself.
      return fragments.get(part.name.value) === part ? ofFragment(part.name.value) : ofSelections(part.selectionSet)
    }
    const ofVariables = (part.variableDefinitions ?? []).reduce(
      (sum, { directives = [] }) => sum + directives.length,
      0,
    )
    return ofSelections(part.selectionSet, (part.directives?.length ?? 0) + ofVariables)
  }
}

/** Introspection queries are deep, so their depth does not count. A validation rule limits them separately. */
function isIntrospection({ name }: FieldNode): boolean {
  return name.value === '__schema' || name.value === '__type'
}

/** The fields with one name in one place. `values`: the parts of their arguments, which are compared as well. */
type Group = { count: number; values: number; selections: SelectionSetNode[] }

function requireFewComparisons(
  parts: readonly (OperationDefinitionNode | FragmentDefinitionNode)[],
  fragments: Fragments,
  max: number,
): void {
  let comparisons = 0

  function count(more: number): void {
    comparisons += more
    if (comparisons <= max) return
    const message = `Checking this query takes more than ${max.toLocaleString('en')} comparisons, since the same fields, or fragments in fragments, stand in the same place again and again. Ask for each field once.`
    throw new AlkaidError('LIMIT_EXCEEDED', message)
  }

  /** Counts for everything that is selected in one place. */
  function compare(selections: readonly SelectionSetNode[]): void {
    const groups = new Map<string, Group>()
    const spread = new Set<string>()
    for (const selection of selections) collect(selection, groups, spread)
    count((selections.length + spread.size) * spread.size)
    for (const { count: fields, values } of groups.values()) {
      count(fields + (fields * (fields - 1)) / 2 + (fields - 1) * values)
    }
    for (const group of groups.values()) if (group.selections.length > 0) compare(group.selections)
  }

  function collect({ selections }: SelectionSetNode, groups: Map<string, Group>, spread: Set<string>): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) addTo(groups, selection)
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet, groups, spread)
      else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value)
        const fragment = fragments.get(selection.name.value)
        if (fragment) collect(fragment.selectionSet, groups, spread)
      }
    }
  }

  for (const { selectionSet } of parts) compare([selectionSet])
}

function addTo(groups: Map<string, Group>, { alias, name, arguments: args = [], selectionSet }: FieldNode): void {
  const key = (alias ?? name).value
  const group = groups.get(key) ?? { count: 0, values: 0, selections: [] }
  groups.set(key, group)
  group.count += 1
  for (const { value } of args) group.values += valuesIn(value)
  if (selectionSet) group.selections.push(selectionSet)
}

/** How many parts of a value are compared. A text counts one, and one more for each 50 characters. */
function valuesIn(value: ValueNode): number {
  if (value.kind === Kind.LIST) return value.values.reduce((sum, part) => sum + valuesIn(part), 1)
  if (value.kind === Kind.OBJECT) return value.fields.reduce((sum, field) => sum + valuesIn(field.value), 1)
  return value.kind === Kind.STRING ? 1 + Math.floor(value.value.length / 50) : 1
}

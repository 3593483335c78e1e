// Pipelines: each stage is compiled once and then run over all documents in turn. Every stage is a line of the table.
import { fail, notImplemented } from '../errors.ts'
import { compileQuery } from '../query/query.ts'
import { parseSort, sortDocuments } from '../query/sort.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import { compileAddFields, compileProject, compileUnset } from './fields.ts'
import { compileGroup } from './group.ts'

export type Stage = (documents: readonly Doc[]) => readonly Doc[]

export interface Pipeline {
  /** The filter of a leading `$match`, which the collection's indexes can narrow. */
  filter: Value | undefined
  stages: Stage[]
}

const stages: Record<string, (spec: Value) => Stage> = {
  $match: (spec) => {
    const { matches } = compileQuery(spec)
    return (documents) => documents.filter(matches)
  },
  $group: compileGroup,
  $sort: (spec) => {
    const sort = parseSort(spec)
    if (sort === undefined) return fail('Location15976', '$sort stage must have at least one sort key')
    return (documents) => sortDocuments(documents, sort, (doc) => doc)
  },
  $limit: (spec) => {
    const limit = whole('$limit', spec, 1)
    return (documents) => documents.slice(0, limit)
  },
  $skip: (spec) => {
    const skip = whole('$skip', spec, 0)
    return (documents) => documents.slice(skip)
  },
  $project: (spec) => each(compileProject(spec)),
  $addFields: (spec) => each(compileAddFields(spec)),
  $set: (spec) => each(compileAddFields(spec)),
  $unset: (spec) => each(compileUnset(spec)),
  $count: (spec) => {
    if (typeof spec !== 'string' || spec === '' || spec.startsWith('$') || spec.includes('.')) {
      return fail('Location40156', 'the count field must be a non-empty string without $ or .')
    }
    // Of nothing there is no count, rather than one of 0.
    return (documents) => (documents.length === 0 ? [] : [{ [spec]: documents.length }])
  },
}

export function compilePipeline(spec: Value | undefined): Pipeline {
  if (!Array.isArray(spec)) return fail('TypeMismatch', "'pipeline' option must be specified as an array")
  const compiled = spec.map(compileStage)
  const first = spec[0] as Doc | undefined
  if (first?.$match !== undefined) return { filter: first.$match, stages: compiled.slice(1) }
  return { filter: undefined, stages: compiled }
}

function compileStage(spec: Value): Stage {
  if (!isDoc(spec)) return fail('TypeMismatch', "Each element of the 'pipeline' array must be an object")
  const [name, ...more] = Object.keys(spec)
  if (name === undefined || more.length > 0) {
    return fail('Location40323', 'A pipeline stage specification object must contain exactly one field.')
  }
  const make = Object.hasOwn(stages, name) ? stages[name] : undefined
  if (make === undefined) return notImplemented(`the aggregation stage ${name}`)
  return make(spec[name]!)
}

function each(change: (doc: Doc) => Doc): Stage {
  return (documents) => documents.map(change)
}

function whole(name: string, spec: Value, least: number): number {
  if (typeof spec !== 'number' || !Number.isSafeInteger(spec) || spec < least) {
    const code = name === '$limit' && spec === 0 ? 'Location15958' : 'Location5107201'
    return fail(code, `invalid argument to ${name} stage: expected a whole number of at least ${least}`)
  }
  return spec
}

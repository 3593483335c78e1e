// The short stages: filter, sort, cut off, count, replace each document, and run several pipelines (`$facet`).

import { fail } from '../../errors.ts'
import { compileQuery } from '../../query/filter.ts'
import { parseSort, sortDocuments } from '../../query/sort-keys.ts'
import { type Doc, isDoc, type Value } from '../../values.ts'
import { scopeOf } from '../context.ts'
import { compileExpression } from '../expression.ts'
import { type MakeStage, newRootDocument, type Stage } from './stage.ts'

export const match: MakeStage = (spec, context) => {
  if (!isDoc(spec)) return fail('Location15959', 'the match filter must be an expression in an object')
  const { matches } = compileQuery(spec, context)
  return (documents) => documents.filter((doc) => matches(doc))
}

export const sort: MakeStage = (spec) => {
  if (!isDoc(spec)) return fail('Location15973', 'the $sort key specification must be an object')
  const order = parseSort(spec)
  if (order === undefined) return fail('Location15976', '$sort stage must have at least one sort key')
  return (documents) => sortDocuments(documents, order, (doc) => doc)
}

export const limit: MakeStage = (spec) => {
  const most = whole('$limit', spec)
  if (most === 0) fail('Location15958', 'the limit must be positive')
  return (documents) => documents.slice(0, most)
}

export const skip: MakeStage = (spec) => {
  const least = whole('$skip', spec)
  return (documents) => documents.slice(least)
}

function whole(name: string, spec: Value): number {
  if (typeof spec === 'number' && Number.isSafeInteger(spec) && spec >= 0) return spec
  return fail(
    name === '$limit' ? 'Location5107201' : 'Location5107200',
    `invalid argument to ${name} stage: expected a non-negative number`,
  )
}

export const count: MakeStage = (spec) => {
  if (typeof spec !== 'string') return fail('Location40156', 'the count field must be a non-empty string')
  if (spec === '') fail('Location40157', 'the count field must be a non-empty string')
  if (spec.startsWith('$')) fail('Location40158', 'the count field cannot be a $-prefixed path')
  if (spec.includes('.')) fail('Location40160', "the count field cannot contain '.'")
  // Without documents there is no result, not a count of 0.
  return (documents) => (documents.length === 0 ? [] : [{ [spec]: documents.length }])
}

export const replaceRoot: MakeStage = (spec, context) => {
  if (!isDoc(spec)) return fail('Location40229', 'expected an object as specification for $replaceRoot stage')
  for (const name of Object.keys(spec)) {
    if (name !== 'newRoot')
      fail('Location40230', `unrecognized option to $replaceRoot stage: ${name}, only valid option is 'newRoot'.`)
  }
  if (spec.newRoot === undefined) return fail('Location40231', 'no newRoot specified for the $replaceRoot stage')
  return replaceWith(spec.newRoot, context, unused)
}

export const replaceWith: MakeStage = (spec, context) => {
  const root = compileExpression(spec, context)
  return (documents) => documents.map((doc) => newRootDocument(root(scopeOf(doc))))
}

function unused(): Stage {
  throw new Error('this stage has no pipeline inside')
}

export const facet: MakeStage = (spec, context, compile) => {
  if (!isDoc(spec) || Object.keys(spec).length === 0)
    return fail('Location40169', 'the $facet specification must be a non-empty object')
  const facets = Object.entries(spec).map(([name, pipeline]) => {
    if (name.startsWith('$') || name.includes('.') || name === '')
      fail('FailedToParse', `invalid field name in $facet: '${name}'`)
    if (!Array.isArray(pipeline)) return fail('Location40170', `arguments to $facet must be arrays, ${name} is not`)
    if (pipeline.some((stage) => isDoc(stage) && stage.$facet !== undefined)) {
      fail('Location40600', '$facet is not allowed to be used within a $facet stage')
    }
    return { name, run: compile(pipeline, context) }
  })
  return (documents) => {
    const result: Doc = {}
    for (const { name, run } of facets) result[name] = [...run(documents)]
    return [result]
  }
}

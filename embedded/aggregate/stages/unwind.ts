// `$unwind`: makes one document for each element of an array.
import { fail } from '../../errors.ts'
import { type Doc, field, isDoc, type Maybe, type Value } from '../../values.ts'
import { fieldPath, type MakeStage, setPath } from './stage.ts'

interface Options {
  path: readonly string[]
  indexPath: readonly string[] | undefined
  preserve: boolean
}

export const unwind: MakeStage = (spec) => {
  const options = parse(spec)
  return (documents) => documents.flatMap((doc) => unwound(doc, options))
}

function unwound(doc: Doc, { path, indexPath, preserve }: Options): Doc[] {
  const value = valueAt(doc, path)
  const indexed = (made: Doc, index: number | null): Doc =>
    indexPath === undefined ? made : (setPath(made, indexPath, 0, index) as Doc)
  if (Array.isArray(value)) {
    if (value.length > 0) return value.map((element, at) => indexed(setPath(doc, path, 0, element) as Doc, at))
    return preserve ? [indexed(setPath(doc, path, 0, undefined) as Doc, null)] : []
  }
  if (value === undefined || value === null) return preserve ? [indexed(doc, null)] : []
  return [indexed(doc, null)]
}

/** Follows documents only: an array on the way has no such field. */
function valueAt(doc: Doc, path: readonly string[]): Maybe {
  let value: Maybe = doc
  for (const part of path) value = isDoc(value) ? field(value, part) : undefined
  return value
}

function parse(spec: Value): Options {
  const given = typeof spec === 'string' ? { path: spec } : spec
  if (!isDoc(given))
    return fail('Location15981', 'expected either a string or an object as specification for $unwind stage')
  for (const name of Object.keys(given)) {
    if (!['path', 'includeArrayIndex', 'preserveNullAndEmptyArrays'].includes(name)) {
      fail('Location28811', `unrecognized option to $unwind stage: ${name}`)
    }
  }
  const { path, includeArrayIndex, preserveNullAndEmptyArrays = false } = given as Doc
  if (path === undefined) return fail('Location28812', 'no path specified to $unwind stage')
  if (typeof path !== 'string') return fail('Location28808', 'expected a string as the path for $unwind stage')
  if (!path.startsWith('$'))
    fail('Location28818', `path option to $unwind stage should be prefixed with a '$': ${path}`)
  if (typeof preserveNullAndEmptyArrays !== 'boolean') {
    return fail('Location28809', 'expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage')
  }
  return {
    path: fieldPath(path.slice(1)),
    indexPath: parseIndex(includeArrayIndex),
    preserve: preserveNullAndEmptyArrays,
  }
}

function parseIndex(name: Maybe): readonly string[] | undefined {
  if (name === undefined) return undefined
  if (typeof name !== 'string' || name === '') {
    return fail('Location28810', 'expected a non-empty string for the includeArrayIndex option to $unwind stage')
  }
  if (name.startsWith('$'))
    fail('Location28822', `includeArrayIndex option to $unwind stage should not be prefixed with a '$': ${name}`)
  return fieldPath(name)
}

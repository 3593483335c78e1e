// `$rename`: moves a field, in place of whatever is at the new name.
import { fail } from '../errors.ts'
import { isIndex } from '../paths.ts'
import { type Maybe, show, type Value } from '../values.ts'
import type { Draft } from './draft.ts'
import { isDynamic, type Path, parsePath } from './path.ts'

export interface Rename {
  from: Path
  to: Path
}

export function parseRename(path: string, operand: Value): Rename {
  if (typeof operand !== 'string')
    return fail('BadValue', `The 'to' field for $rename must be a string: ${path}: ${show(operand)}`)
  const [from, to] = [parsePath(path), parsePath(operand)]
  for (const [name, parts] of [
    ['source', from],
    ['destination', to],
  ] as const) {
    if (parts.some(isDynamic)) fail('BadValue', `The ${name} field for $rename may not be dynamic: ${parts.join('.')}`)
  }
  const same = (a: Path, b: Path) => a.every((part, at) => part === b[at])
  if (from.length === to.length && same(from, to))
    fail('BadValue', `The source and target field for $rename must differ: ${path}`)
  if (same(from, to) || same(to, from)) {
    fail('BadValue', `The source and target field for $rename must not be on the same path: ${path}`)
  }
  return { from, to }
}

export function rename(draft: Draft, { from, to }: Rename, id: Maybe): void {
  const value = draft.get(from)
  if (value === undefined) return
  refuseArrays(draft, from, 'source', id)
  refuseArrays(draft, to, 'destination', id)
  draft.unset(from)
  draft.set(to, value)
}

function refuseArrays(draft: Draft, path: Path, name: string, id: Maybe): void {
  for (let at = 1; at < path.length; at++) {
    if (Array.isArray(draft.get(path.slice(0, at))) && isIndex(path[at]!)) {
      fail('BadValue', `The ${name} field cannot be an array element, '${path.join('.')}' in doc with _id: ${show(id)}`)
    }
  }
}

import { calculateObjectSize } from 'bson'
import { keyOf } from '../compare.ts'
import { fail } from '../errors.ts'
import { someAt, splitPath } from '../paths.ts'
import { compileQuery } from '../query/query.ts'
import { maxDocumentBytes } from '../store/encode.ts'
import type { Value } from '../values.ts'
import { type Command, namespaceOf } from './command.ts'

export const distinct: Command = {
  options: ['key', 'query'],
  inTransaction: true,
  retryable: false,
  run(request) {
    const { body, unit } = request
    if (typeof body.key !== 'string') return fail('TypeMismatch', "BSON field 'distinct.key' must be a string")
    const parts = splitPath(body.key)
    const query = compileQuery(body.query)
    const collection = request.server.store.collection(namespaceOf(request), unit)
    const values = new Map<string, Value>()
    for (const { doc } of collection?.find(unit, query) ?? []) {
      // Of an array its elements count, once and no deeper; a missing field has no value.
      someAt(doc, parts, 0, false, (value) => {
        if (value === undefined) return false
        for (const one of Array.isArray(value) ? value : [value])
          if (!values.has(keyOf(one))) values.set(keyOf(one), one)
        return false
      })
    }
    const reply = { values: [...values.values()] }
    if (calculateObjectSize(reply) > maxDocumentBytes) fail('Location17217', 'distinct too big, 16mb cap')
    return reply
  },
}

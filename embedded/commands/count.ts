import { compileQuery } from '../query/query.ts'
import { type Command, namespaceOf, wholeOption } from './command.ts'

export const count: Command = {
  options: ['query', 'skip', 'limit'],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { body, unit } = request
    const query = compileQuery(body.query)
    const collection = request.server.store.collection(namespaceOf(request), unit)
    const skip = wholeOption(body, 'skip') ?? 0
    const limit = wholeOption(body, 'limit') || Number.POSITIVE_INFINITY
    let n = 0
    for (const _ of collection?.find(unit, query) ?? []) n++
    return { n: Math.min(limit, Math.max(0, n - skip)) }
  },
}

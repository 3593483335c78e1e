import { fail } from '../errors.ts'
import { describeIndex } from '../store/index-definition.ts'
import { isDoc } from '../values.ts'
import { type Command, namespaceOf, type Request, wholeOption } from './command.ts'

export const listIndexes: Command = {
  options: ['cursor'],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { server, unit } = request
    const namespace = namespaceOf(request)
    const collection = server.store.collection(namespace, unit)
    if (collection === undefined) return fail('NamespaceNotFound', `ns does not exist: ${namespace}`)
    const indexes = collection.indexDefinitions.map(describeIndex)
    return { cursor: server.cursors.start(namespace, indexes, ownerOf(request), cursorBatchSize(request)) }
  },
}

/** Who may continue a cursor that this request opens. */
export function ownerOf(request: Request): { session: string | undefined; transaction: number | undefined } {
  return { session: request.session, transaction: request.transaction }
}

/** The `batchSize` in a command's `cursor` option. */
export function cursorBatchSize(request: Request): number | undefined {
  const cursor = request.body.cursor
  if (cursor === undefined) return undefined
  if (!isDoc(cursor)) return fail('TypeMismatch', "BSON field 'cursor' must be an object")
  for (const option of Object.keys(cursor))
    if (option !== 'batchSize') fail('Location40415', `BSON field 'cursor.${option}' is an unknown field.`)
  return wholeOption(cursor, 'batchSize')
}

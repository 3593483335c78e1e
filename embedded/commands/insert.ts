import { fail } from '../errors.ts'
import { storable } from '../update/storable.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import { type Command, namespaceOf } from './command.ts'
import { runStatements, statementsOf } from './statements.ts'

export const insert: Command = {
  options: ['documents', 'ordered', 'bypassDocumentValidation'],
  inTransaction: true,
  retryable: true,
  run(request) {
    const namespace = namespaceOf(request)
    let n = 0
    const writeErrors = runStatements(request, statementsOf(request, 'documents', readDocument), (document) => {
      // The collection is made by the first document that can be inserted, even if its insertion then fails.
      const doc = storable(document)
      request.server.store.collectionForWriting(namespace, request.unit).insert(request.unit, doc)
      n++
    })
    return { n, ...writeErrors }
  },
}

function readDocument(entry: Value): Doc {
  return isDoc(entry) ? entry : fail('TypeMismatch', 'each document to insert must be an object')
}

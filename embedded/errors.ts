// The table of MongoDB's error codes that this server uses, and the error class that carries a code to the reply. A
// code without a name is written `Location<number>`, as in MongoDB.
const codes = {
  BadValue: 2,
  NoSuchKey: 4,
  HostUnreachable: 6,
  FailedToParse: 9,
  Unauthorized: 13,
  TypeMismatch: 14,
  Overflow: 15,
  InvalidLength: 16,
  InvalidBSON: 22,
  IllegalOperation: 20,
  LockTimeout: 24,
  NamespaceNotFound: 26,
  IndexNotFound: 27,
  PathNotViable: 28,
  FileStreamFailed: 39,
  ConflictingUpdateOperators: 40,
  CursorNotFound: 43,
  NamespaceExists: 48,
  MaxTimeMSExpired: 50,
  DollarPrefixedFieldName: 52,
  InvalidIdField: 53,
  NotSingleValueField: 54,
  EmptyFieldName: 56,
  CommandNotFound: 59,
  ImmutableField: 66,
  CannotCreateIndex: 67,
  InvalidOptions: 72,
  InvalidNamespace: 73,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  UnsatisfiableWriteConcern: 100,
  WriteConflict: 112,
  ConflictingOperationInProgress: 117,
  ExceededMemoryLimit: 146,
  InvalidPipelineOperator: 168,
  CannotIndexParallelArrays: 171,
  QueryFeatureNotAllowed: 224,
  TransactionTooOld: 225,
  NotImplemented: 238,
  ConversionFailure: 241,
  SnapshotUnavailable: 246,
  NoSuchTransaction: 251,
  TransactionCommitted: 256,
  OperationNotSupportedInTransaction: 263,
  UnsupportedOpQueryCommand: 352,
  CannotBackfillArray: 15957,
  IncompleteTransactionHistory: 217,
  BSONObjectTooLarge: 10334,
  DuplicateKey: 11000,
  OutOfDiskSpace: 14031,
  NotARetryableWriteCommand: 50768,
} as const

export type CodeName = keyof typeof codes | `Location${number}`

/** In characters. A message quotes what the client sent, which can be very large, and a reply must stay small. */
const maxMessageLength = 10_000

/** An error with a code of MongoDB. `extra` is merged into the reply, such as `keyPattern` of a duplicate key. */
export class CommandError extends Error {
  readonly codeName: CodeName
  readonly code: number
  readonly extra: Record<string, unknown>

  constructor(codeName: CodeName, message: string, extra: Record<string, unknown> = {}) {
    super(message.length <= maxMessageLength ? message : `${message.slice(0, maxMessageLength)}...`)
    this.codeName = codeName
    this.code =
      codeName in codes ? codes[codeName as keyof typeof codes] : Number.parseInt(codeName.slice('Location'.length), 10)
    this.extra = extra
  }
}

export function fail(codeName: CodeName, message: string, extra?: Record<string, unknown>): never {
  throw new CommandError(codeName, message, extra)
}

/** Refuses a feature that MongoDB has and this server does not. */
export function notImplemented(what: string): never {
  throw new CommandError('NotImplemented', `${what} is not supported by Alkaid's embedded server`)
}

/** Whether the client may run the whole transaction again (MongoDB's label `TransientTransactionError`). */
export function isTransient(error: CommandError): boolean {
  return ['WriteConflict', 'NoSuchTransaction', 'SnapshotUnavailable', 'LockTimeout'].includes(error.codeName)
}

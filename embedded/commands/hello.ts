// What the driver asks to learn about the server: a one-node replica set of MongoDB 7.0.
import { maxMessageBytes } from '../framer.ts'
import { maxDocumentBytes } from '../store/encode.ts'
import type { Command, Request } from './command.ts'

export const setName = 'alkaid'
export const maxWriteBatch = 100_000

// What the client could do; a server declines by saying nothing of it.
const options = ['helloOk', 'client', 'compression', 'backpressure']

/** Asked with a `topologyVersion` it would have to stream its answers, so that option is refused and never offered. */
export const hello: Command = {
  options,
  inTransaction: false,
  retryable: false,
  run: (request) => ({ isWritablePrimary: true, ...description(request) }),
}

/** Before `hello` it was `isMaster`, which has the old name in its reply too, and only that. */
export const legacyHello: Command = {
  ...hello,
  run: (request) => ({ ismaster: true, ...description(request) }),
}

function description({ server, connectionId }: Request): Record<string, unknown> {
  return {
    helloOk: true,
    secondary: false,
    setName,
    setVersion: 1,
    hosts: [server.host],
    primary: server.host,
    me: server.host,
    maxBsonObjectSize: maxDocumentBytes,
    maxMessageSizeBytes: maxMessageBytes,
    maxWriteBatchSize: maxWriteBatch,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: 30,
    connectionId,
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
  }
}

export const ping: Command = { options: [], inTransaction: false, retryable: false, run: () => ({}) }

export const buildInfo: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run: () => ({
    version: '7.0.0',
    versionArray: [7, 0, 0, 0],
    gitVersion: 'alkaid-embedded',
    modules: [],
    bits: 64,
    debug: false,
    maxBsonObjectSize: maxDocumentBytes,
    storageEngines: ['alkaid-embedded'],
  }),
}

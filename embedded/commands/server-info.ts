// The commands by which drivers, mongosh and tools learn about the server. It describes itself as a replica set of
// one node, of MongoDB 7.0.
import { arch, cpus, hostname, release, totalmem, type } from 'node:os'
import { maxDocumentBytes } from '../encode.ts'
import { fail } from '../errors.ts'
import { maxMessageBytes } from '../wire.ts'
import type { Command, Request } from './command.ts'
import { booleanOption } from './options.ts'

export const setName = 'alkaid'
export const maxWriteBatch = 100_000

/** Features that a client offers. A server declines a feature by not mentioning it in the reply. */
const helloOptions = ['helloOk', 'client', 'compression', 'backpressure']

/** `topologyVersion` is refused, because the server would have to stream its replies. */
export const hello: Command = {
  options: helloOptions,
  inTransaction: false,
  retryable: false,
  run: (request) => ({ isWritablePrimary: true, ...description(request) }),
}

/** The old name of `hello`. Its reply has `ismaster` in place of `isWritablePrimary`. */
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

export const hostInfo: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run: () => ({
    system: {
      currentTime: new Date(),
      hostname: hostname(),
      cpuAddrSize: 64,
      memSizeMB: Math.floor(totalmem() / 2 ** 20),
      numCores: cpus().length,
      cpuArch: arch(),
    },
    os: { type: type(), name: type(), version: release() },
    extra: {},
  }),
}

/** There are no users: every process that can open the socket has all rights. */
export const connectionStatus: Command = {
  options: ['showPrivileges'],
  inTransaction: false,
  retryable: false,
  run({ body }) {
    const privileges = booleanOption(body, 'showPrivileges') ? { authenticatedUserPrivileges: [] } : {}
    return { authInfo: { authenticatedUsers: [], authenticatedUserRoles: [], ...privileges } }
  },
}

const parameters: Record<string, () => unknown> = {
  featureCompatibilityVersion: () => ({ version: '7.0' }),
}

/** The client asks for parameters by name, or for all of them by '*'. */
export const getParameter: Command = {
  options: Object.keys(parameters),
  inTransaction: false,
  retryable: false,
  adminOnly: true,
  run({ body }) {
    const wanted = Object.keys(parameters).filter((name) => body.getParameter === '*' || body[name] !== undefined)
    if (wanted.length === 0) return fail('InvalidOptions', 'no option found to get')
    return Object.fromEntries(wanted.map((name) => [name, parameters[name]!()]))
  },
}

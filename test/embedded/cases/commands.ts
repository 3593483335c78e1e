// The replies of commands, by MongoDB's documentation. A case is a sentence, and steps. A step is a command and its
// reply, or the code of its error. Each case has a database and sessions of its own. The test compares only those fields
// of a reply that stand here.
import { expect } from '@jest/globals'
import { Timestamp } from 'mongodb'
import type { AnyDocument } from '../support.ts'
import { admin, type CommandCase, type CommandStep, done } from './command-steps.ts'
import { anyCommand, sessions } from './commands-any.ts'
import { definitions } from './commands-defining.ts'
import { reads } from './commands-reading.ts'
import { writes } from './commands-writing.ts'

const helloOptions = { helloOk: true, compression: [], backpressure: '2' }

const aboutTheServer: CommandCase[] = [
  ['ping is answered', [{ ping: 1 }, done]],
  [
    'buildInfo gives the version',
    [{ buildInfo: 1 }, { version: expect.stringMatching(/^\d+\.\d+\.\d+/), bits: 64, maxBsonObjectSize: 16_777_216 }],
  ],
  [
    'hello says that the server takes writes',
    [
      { hello: 1 },
      {
        isWritablePrimary: true,
        ismaster: undefined,
        setName: expect.any(String),
        maxBsonObjectSize: 16_777_216,
        logicalSessionTimeoutMinutes: 30,
        readOnly: false,
      },
    ],
  ],
  [
    'hello accepts the options that a driver adds',
    [
      { hello: 1, ...helloOptions },
      { isWritablePrimary: true, helloOk: true },
    ],
  ],
  [
    'isMaster says that the server takes writes, under the old name',
    [{ isMaster: 1 }, { ismaster: true, isWritablePrimary: undefined, setName: expect.any(String) }],
  ],
  [
    'isMaster accepts the options that a driver adds',
    [
      { isMaster: 1, ...helloOptions },
      { ismaster: true, helloOk: true },
    ],
  ],
  [
    'hostInfo tells about the machine',
    [
      { hostInfo: 1 },
      {
        system: expect.objectContaining({ numCores: expect.any(Number), cpuAddrSize: 64 }),
        os: expect.objectContaining({ type: expect.any(String) }),
      },
      admin,
    ],
  ],
  [
    'connectionStatus lists no users',
    [
      { connectionStatus: 1 },
      { authInfo: expect.objectContaining({ authenticatedUsers: [], authenticatedUserRoles: [] }) },
    ],
  ],
  [
    'connectionStatus lists privileges if asked',
    [
      { connectionStatus: 1, showPrivileges: true },
      { authInfo: expect.objectContaining({ authenticatedUserPrivileges: [] }) },
    ],
  ],
  [
    'getParameter gives the version that the data is compatible with',
    [
      { getParameter: 1, featureCompatibilityVersion: 1 },
      { featureCompatibilityVersion: { version: expect.stringMatching(/^\d+\.\d+$/) } },
      admin,
    ],
  ],
  ['getParameter needs a parameter', [{ getParameter: 1 }, 72, admin]],
  ['an unknown command is refused', [{ noSuchCommand: 1 }, 59]],
]

/** Other names of the same commands. */
const aliases: Record<string, string> = {
  buildInfo: 'buildinfo',
  findAndModify: 'findandmodify',
  isMaster: 'ismaster',
}

const canonical = [...reads, ...writes, ...definitions, ...aboutTheServer, ...sessions, ...anyCommand]

export const commandCases: CommandCase[] = canonical.flatMap((one) => [one, ...underItsAlias(one)])

/** The same case with the other name of its command. The sentence of a case begins with that name. */
function underItsAlias([sentence, ...steps]: CommandCase): CommandCase[] {
  const [name = '', ...rest] = sentence.split(' ')
  const alias = aliases[name]
  if (alias === undefined) return []
  const renamed = steps.map(([command, ...more]): CommandStep => {
    const [[own, value] = ['', 1], ...options] = Object.entries(command)
    return [Object.fromEntries([[own === name ? alias : own, value], ...options]), ...more]
  })
  return [[[alias, ...rest].join(' '), ...renamed]]
}

/** What a driver tells about itself in the first command of a connection. */
export const handshakes: AnyDocument[] = ['hello', 'isMaster', 'ismaster'].map((name) => ({
  [name]: 1,
  client: { driver: { name: 'test', version: '1' }, os: { type: 'Linux' } },
}))

/** Commands that MongoDB accepts and the embedded server refuses, with 238 or with the code that is given. */
export const refusedByEmbedded: [what: string, command: AnyDocument, code?: number][] = [
  ['apiVersion', { ping: 1, apiVersion: '1' }],
  ['apiStrict', { ping: 1, apiVersion: '1', apiStrict: true }],
  ['apiDeprecationErrors', { ping: 1, apiVersion: '1', apiDeprecationErrors: true }],
  ['$clusterTime, which it never gives', { ping: 1, $clusterTime: { clusterTime: new Timestamp(1n) } }],
  ['readConcern.afterClusterTime', { find: 'c', readConcern: { afterClusterTime: new Timestamp(1n) } }],
  ['readConcern snapshot outside a transaction', { find: 'c', readConcern: { level: 'snapshot' } }],
  ['writeConcern of more nodes than one', { insert: 'c', documents: [{}], writeConcern: { w: 2 } }, 100],
  ['writeConcern by a tag', { insert: 'c', documents: [{}], writeConcern: { w: 'tag' } }, 100],
  ['writeConcern.fsync', { insert: 'c', documents: [{}], writeConcern: { fsync: true } }],
  ['noCursorTimeout', { find: 'c', noCursorTimeout: true }],
  ['tailable', { find: 'c', tailable: true }],
  ['awaitData', { find: 'c', tailable: true, awaitData: true }],
  ['hello with a topologyVersion, which would stream', { hello: 1, topologyVersion: {}, maxAwaitTimeMS: 1 }],
  ['hints', { find: 'c', hint: '_id_' }],
  ['collations', { find: 'c', collation: { locale: 'de' } }],
  ['variables of a command', { find: 'c', let: { x: 1 } }],
  ['capped collections', { create: 'c', capped: true, size: 4096 }],
  ['views', { create: 'v', viewOn: 'c', pipeline: [] }],
  ['hints of an update', { update: 'c', updates: [{ q: {}, u: { a: 1 }, hint: '_id_' }] }],
  ['collations of a deletion', { delete: 'c', deletes: [{ q: {}, limit: 1, collation: { locale: 'de' } }] }],
  ['an aggregation over the database', { aggregate: 1, pipeline: [], cursor: {} }],
]

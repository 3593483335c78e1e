// What commands answer, by MongoDB's documentation: a sentence, then the commands that are sent one after the other in
// a database and sessions of the case's own, each with what its reply holds, or with the code of its refusal. Of a
// reply only the fields named here are looked at; those have to be equal.
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
    'buildInfo tells the version',
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
    'hello takes what a driver adds',
    [
      { hello: 1, ...helloOptions },
      { isWritablePrimary: true, helloOk: true },
    ],
  ],
  [
    'isMaster says so under its old name',
    [{ isMaster: 1 }, { ismaster: true, isWritablePrimary: undefined, setName: expect.any(String) }],
  ],
  [
    'isMaster takes what a driver adds',
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
    'connectionStatus names the users, who are none',
    [
      { connectionStatus: 1 },
      { authInfo: expect.objectContaining({ authenticatedUsers: [], authenticatedUserRoles: [] }) },
    ],
  ],
  [
    'connectionStatus tells their privileges if asked',
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
  ['getParameter wants a parameter', [{ getParameter: 1 }, 72, admin]],
  ['a command that there is none of is refused', [{ noSuchCommand: 1 }, 59]],
]

/** Names that mean the same command. */
const aliases: Record<string, string> = {
  buildInfo: 'buildinfo',
  findAndModify: 'findandmodify',
  isMaster: 'ismaster',
}

const canonical = [...reads, ...writes, ...definitions, ...aboutTheServer, ...sessions, ...anyCommand]

export const commandCases: CommandCase[] = canonical.flatMap((one) => [one, ...underItsAlias(one)])

/** The case again with the other name of the command that it begins its sentence with. */
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

/** What a driver tells about itself, which belongs to the first command of a connection. */
export const handshakes: AnyDocument[] = ['hello', 'isMaster', 'ismaster'].map((name) => ({
  [name]: 1,
  client: { driver: { name: 'test', version: '1' }, os: { type: 'Linux' } },
}))

/** What MongoDB takes and the embedded server refuses (238 unless another code is named). */
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

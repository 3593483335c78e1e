// The table of all commands. To add one, write it in the file of its family and add its line here.
import { create, drop, dropDatabase, listCollections, listDatabases } from './collections.ts'
import type { Command } from './command.ts'
import { getMore, killCursors } from './cursors.ts'
import { findAndModify } from './find-and-modify.ts'
import { createIndexes, dropIndexes, listIndexes } from './indexes.ts'
import { aggregate, count, distinct, find } from './reads.ts'
import { buildInfo, connectionStatus, getParameter, hello, hostInfo, legacyHello, ping } from './server-info.ts'
import { endSessions, endTransaction, refreshSessions, startSession } from './sessions.ts'
import { deleteCommand, insert, update } from './writes.ts'

export const commands: Record<string, Command> = {
  abortTransaction: endTransaction,
  aggregate,
  buildInfo,
  buildinfo: buildInfo,
  commitTransaction: endTransaction,
  connectionStatus,
  count,
  create,
  createIndexes,
  delete: deleteCommand,
  distinct,
  drop,
  dropDatabase,
  dropIndexes,
  endSessions,
  find,
  findAndModify,
  findandmodify: findAndModify,
  getMore,
  getParameter,
  hello,
  hostInfo,
  insert,
  isMaster: legacyHello,
  ismaster: legacyHello,
  killCursors,
  listCollections,
  listDatabases,
  listIndexes,
  ping,
  refreshSessions,
  startSession,
  update,
}

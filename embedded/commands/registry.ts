// The commands there are. To add one, write its file and its line here.
import { aggregate } from './aggregate.ts'
import type { Command } from './command.ts'
import { count } from './count.ts'
import { create } from './create.ts'
import { createIndexes } from './create-indexes.ts'
import { deleteCommand } from './delete.ts'
import { distinct } from './distinct.ts'
import { drop } from './drop.ts'
import { dropDatabase } from './drop-database.ts'
import { dropIndexes } from './drop-indexes.ts'
import { find } from './find.ts'
import { findAndModify } from './find-and-modify.ts'
import { getMore } from './get-more.ts'
import { buildInfo, hello, legacyHello, ping } from './hello.ts'
import { connectionStatus, getParameter, hostInfo } from './host.ts'
import { insert } from './insert.ts'
import { killCursors } from './kill-cursors.ts'
import { listCollections } from './list-collections.ts'
import { listDatabases } from './list-databases.ts'
import { listIndexes } from './list-indexes.ts'
import { endSessions, endTransaction, refreshSessions, startSession } from './sessions.ts'
import { update } from './update.ts'

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

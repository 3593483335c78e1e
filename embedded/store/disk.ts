// The durable state: one SQLite file in the data directory. The lock of this file locks the directory. The operating
// system holds it, so it ends with the process. `write` returns when the changes are on disk (WAL, synchronous=FULL).
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** One change. All changes of one `write` become durable together, or none does. */
export type Change =
  | { kind: 'put'; sequence: number; collection: number; body: Buffer }
  | { kind: 'delete'; sequence: number }
  | { kind: 'define'; collection: number; definition: Buffer }
  | { kind: 'drop'; collection: number }
  | { kind: 'session'; id: string; body: Buffer }
  | { kind: 'forget'; id: string }

export interface DiskRow {
  id: number
  body: Buffer
}

// Rowid tables only: WITHOUT ROWID would store the large bodies in the B-tree itself, with three times the size.
const schema = `
  CREATE TABLE IF NOT EXISTS collections (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS documents (sequence INTEGER PRIMARY KEY, collection INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, body BLOB NOT NULL);
`

export class Disk {
  readonly directory: string
  private readonly database: DatabaseSync
  private readonly statements = new Map<string, StatementSync>()

  /** Throws if another process has the directory open. The error names it. */
  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.database = new DatabaseSync(privateFile(join(directory, 'embedded.sqlite')))
    try {
      // In exclusive mode, SQLite keeps the lock of the first transaction, also with a WAL.
      this.database.exec('PRAGMA locking_mode = EXCLUSIVE')
      this.database.exec('PRAGMA journal_mode = WAL')
      this.database.exec('PRAGMA synchronous = FULL')
      this.database.exec('PRAGMA temp_store = MEMORY')
      this.database.exec('BEGIN EXCLUSIVE; COMMIT')
      this.database.exec(schema)
    } catch (error) {
      this.database.close()
      if (/database is locked/.test((error as Error).message)) {
        throw new Error(
          `The data directory ${directory} is in use by another embedded server. Stop that server, or choose another directory.`,
        )
      }
      throw error
    }
  }

  /** 0 off, 1 normal, 2 full. */
  get synchronous(): number {
    return Number(this.database.prepare('PRAGMA synchronous').get()?.synchronous)
  }

  get journal(): string {
    return String(this.database.prepare('PRAGMA journal_mode').get()?.journal_mode)
  }

  /** Throws SQLite's error if the disk refuses the changes. Then none of them is written, and a later write may succeed. */
  write(changes: readonly Change[]): void {
    this.database.exec('BEGIN IMMEDIATE')
    try {
      for (const change of changes) this.apply(change)
      this.database.exec('COMMIT')
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK')
      throw error
    }
  }

  *collections(): Generator<DiskRow> {
    yield* this.rows('SELECT id, body FROM collections ORDER BY id')
  }

  *documents(): Generator<DiskRow & { collection: number }> {
    yield* this.rows('SELECT sequence AS id, collection, body FROM documents ORDER BY sequence') as Generator<
      DiskRow & { collection: number }
    >
  }

  *sessions(): Generator<{ id: string; body: Buffer }> {
    yield* this.rows('SELECT id, body FROM sessions') as unknown as Generator<{ id: string; body: Buffer }>
  }

  close(): void {
    this.database.close()
  }

  private apply(change: Change): void {
    switch (change.kind) {
      case 'put':
        this.run(
          'INSERT INTO documents (sequence, collection, body) VALUES (?, ?, ?) ON CONFLICT (sequence) DO UPDATE SET body = excluded.body',
          change.sequence,
          change.collection,
          change.body,
        )
        return
      case 'delete':
        this.run('DELETE FROM documents WHERE sequence = ?', change.sequence)
        return
      case 'define':
        this.run('INSERT OR REPLACE INTO collections (id, body) VALUES (?, ?)', change.collection, change.definition)
        return
      case 'drop':
        this.run('DELETE FROM documents WHERE collection = ?', change.collection)
        this.run('DELETE FROM collections WHERE id = ?', change.collection)
        return
      case 'session':
        this.run('INSERT OR REPLACE INTO sessions (id, body) VALUES (?, ?)', change.id, change.body)
        return
      case 'forget':
        this.run('DELETE FROM sessions WHERE id = ?', change.id)
    }
  }

  private run(sql: string, ...parameters: (number | string | Buffer)[]): void {
    let statement = this.statements.get(sql)
    if (statement === undefined) {
      statement = this.database.prepare(sql)
      this.statements.set(sql, statement)
    }
    statement.run(...parameters)
  }

  private *rows(sql: string): Generator<DiskRow> {
    for (const row of this.database.prepare(sql).iterate()) {
      const bytes = row.body as Uint8Array
      yield { ...row, body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) } as unknown as DiskRow
    }
  }
}

const SQLITE_FULL = 13

/** Whether SQLite's error says that the disk has no room. (SQLite calls an exceeded quota an I/O error.) */
export function isFull(error: Error & { errcode?: number }): boolean {
  return error.errcode !== undefined && (error.errcode & 0xff) === SQLITE_FULL
}

/** Creates the file if it is missing, for its owner only. SQLite gives its other files the same mode. */
function privateFile(path: string): string {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    // Do not open an existing file: closing it would release the locks that this process has on it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return path
}

// Two hundred kills at random moments of writing. Clients try again whatever was not answered, as a driver does, so
// that at the end every count is exact: nothing acknowledged is lost, nothing is done twice, no transaction is torn.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { type Document, Long, UUID } from 'bson'
import { type CrashServer, CrashServers } from './crash.ts'
import { type RawClient, rawClient } from './raw.ts'
import { describeEmbedded, temporaryDirectory } from './support.ts'

const kills = 200
const $db = 'd'
const servers = new CrashServers()
afterAll(() => servers.close())

/** What the writers share: the server of the moment, and whether they are to stop. */
interface Stage {
  server: Promise<CrashServer>
  done: boolean
}

/** One session that sends each command until it is answered, to whichever server is there. */
class Retrier {
  private readonly stage: Stage
  private readonly lsid = { id: new UUID() }
  private number = 0
  private connection: { server: CrashServer; client: RawClient } | undefined

  constructor(stage: Stage) {
    this.stage = stage
  }

  /** A write that is to be done once. */
  write(command: Document): Promise<Document> {
    this.number++
    return this.send({ ...command, $db, lsid: this.lsid, txnNumber: Long.fromNumber(this.number) })
  }

  /** Runs the commands as one transaction, anew until it is committed. */
  async transaction(commands: Document[]): Promise<void> {
    for (;;) {
      this.number++
      const of = { $db, lsid: this.lsid, txnNumber: Long.fromNumber(this.number), autocommit: false }
      const started = commands.map((command, at) => (at === 0 ? { ...command, startTransaction: true } : command))
      let ok = true
      for (const command of [...started, { commitTransaction: 1 }]) {
        const reply = await this.send({ ...command, ...of, ...(command.commitTransaction ? { $db: 'admin' } : {}) })
        if (reply.ok !== 1) expect(reply).toMatchObject({ code: 251, errorLabels: ['TransientTransactionError'] })
        ok = reply.ok === 1
        if (!ok) break
      }
      if (ok) return
    }
  }

  private async send(command: Document): Promise<Document> {
    for (;;) {
      const server = await this.stage.server
      try {
        if (this.connection?.server !== server) this.connection = { server, client: await rawClient(server.uri) }
        return await this.connection.client.command(command)
      } catch {
        // The server is gone: the same again, to the next one.
        this.connection = undefined
        await delay(1)
      }
    }
  }

  close(): void {
    this.connection?.client.socket.destroy()
  }
}

const increment = (_id: string) => ({ update: 'counters', updates: [{ q: { _id }, u: { $inc: { n: 1 } } }] })

/** Each does its work again and again and returns how often it was acknowledged. */
const writers: Record<string, (retrier: Retrier, round: number) => Promise<void>> = {
  async update(retrier) {
    expect(await retrier.write(increment('update'))).toMatchObject({ ok: 1, n: 1, nModified: 1 })
  },
  async insert(retrier, round) {
    const documents = [0, 1, 2].map((part) => ({ _id: round * 3 + part }))
    expect(await retrier.write({ insert: 'inserted', documents })).toEqual({ ok: 1, n: 3 })
  },
  async findAndModify(retrier, round) {
    const command = {
      findAndModify: 'counters',
      query: { _id: 'findAndModify' },
      update: { $inc: { n: 1 } },
      new: true,
    }
    const { value } = await retrier.write(command)
    expect(value).toEqual({ _id: 'findAndModify', n: round + 1 })
  },
  async transaction(retrier) {
    await retrier.transaction([increment('left'), increment('right')])
  },
}

async function write(stage: Stage, work: (retrier: Retrier, round: number) => Promise<void>): Promise<number> {
  const retrier = new Retrier(stage)
  let acknowledged = 0
  while (!stage.done) await work(retrier, acknowledged++)
  retrier.close()
  return acknowledged
}

/** The counters as one command sees them, and how many documents were inserted. */
async function look(server: CrashServer): Promise<{ counters: Record<string, number>; inserted: number }> {
  const client = await rawClient(server.uri)
  const found = await client.command({ find: 'counters', $db })
  const { n } = await client.command({ count: 'inserted', $db })
  client.socket.destroy()
  const entries = (found.cursor.firstBatch as { _id: string; n: number }[]).map(({ _id, n }) => [_id, n])
  return { counters: Object.fromEntries(entries), inserted: n }
}

describeEmbedded('a server that is killed two hundred times', () => {
  test('has every acknowledged write, each once, and no half of a transaction', async () => {
    const directory = await temporaryDirectory()
    const order = { dataDir: directory.path }
    const stage: Stage = { server: servers.start(order), done: false }
    const setup = await rawClient((await stage.server).uri)
    const names = ['update', 'findAndModify', 'left', 'right']
    await setup.command({ insert: 'counters', documents: names.map((_id) => ({ _id, n: 0 })), $db })
    setup.socket.destroy()

    const working = Promise.all(Object.values(writers).map((work) => write(stage, work)))
    for (let kill = 0; kill < kills; kill++) {
      const server = await stage.server
      await delay(Math.random() * 25)
      stage.server = server.kill().then(() => servers.start(order))
      const { counters, inserted } = await look(await stage.server)
      expect(counters.left).toBe(counters.right)
      expect(inserted % 3).toBe(0)
    }
    stage.done = true
    const [update, insert, findAndModify, transaction] = await working
    const last = await stage.server
    expect(await look(last)).toEqual({
      counters: { update, findAndModify, left: transaction, right: transaction },
      inserted: insert! * 3,
    })
    await last.kill()
    await directory.remove()
  }, 180_000)
})

describeEmbedded('a server killed after the commit and before the reply', () => {
  const cases: [string, string, (retrier: Retrier) => Promise<unknown>][] = [
    ['an update', 'update', (retrier) => retrier.write(increment('c'))],
    [
      'a findAndModify',
      'findAndModify',
      (retrier) => retrier.write({ findAndModify: 'counters', query: { _id: 'c' }, update: { $inc: { n: 1 } } }),
    ],
    [
      'an insertion, whose repeat would be a duplicate key',
      'insert',
      async (retrier) => {
        expect(await retrier.write({ insert: 'counters', documents: [{ _id: 'd', n: 1 }] })).toEqual({ ok: 1, n: 1 })
      },
    ],
    ['a deletion', 'delete', (retrier) => retrier.write({ delete: 'counters', deletes: [{ q: { n: 0 }, limit: 1 }] })],
    ['a transaction', 'commitTransaction', (retrier) => retrier.transaction([increment('c')])],
  ]
  for (const [name, dieAfter, work] of cases) {
    test(`is asked again after its restart and has done ${name} once`, async () => {
      const directory = await temporaryDirectory()
      const { path: dataDir } = directory
      const first = await servers.start({ dataDir })
      const setup = await rawClient(first.uri)
      await setup.command({
        insert: 'counters',
        documents: [
          { _id: 'c', n: 0 },
          { _id: 'e', n: 0 },
        ],
        $db,
      })
      setup.socket.destroy()
      await first.kill()

      const dying = await servers.start({ dataDir, dieAfter })
      const stage: Stage = { server: Promise.resolve(dying), done: false }
      const retrier = new Retrier(stage)
      const done = work(retrier)
      await dying.exited
      stage.server = servers.start({ dataDir })
      await done
      retrier.close()
      const total = { counters: { c: 1, e: 0 } as Record<string, number>, inserted: 0 }
      if (dieAfter === 'insert') total.counters = { c: 0, e: 0, d: 1 }
      if (dieAfter === 'delete') total.counters = { e: 0 }
      const last = await stage.server
      expect(await look(last)).toEqual(total)
      await last.kill()
      await directory.remove()
    })
  }
})

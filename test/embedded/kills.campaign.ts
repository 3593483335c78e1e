// Kills the server two hundred times while clients write. The clients retry every command without a reply, as a driver
// does. At the end every count is exact: each acknowledged write is there once, and no transaction is half done.
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

/** What the writers share: the current server, and whether they must stop. */
interface Campaign {
  server: Promise<CrashServer>
  done: boolean
}

/** One session. It sends each command to the current server until it gets a reply. */
class Retrier {
  private readonly campaign: Campaign
  private readonly lsid = { id: new UUID() }
  private number = 0
  private connection: { server: CrashServer; client: RawClient } | undefined

  constructor(campaign: Campaign) {
    this.campaign = campaign
  }

  /** A write that must take effect once. */
  write(command: Document): Promise<Document> {
    this.number++
    return this.send({ ...command, $db, lsid: this.lsid, txnNumber: Long.fromNumber(this.number) })
  }

  /** Runs the commands as one transaction, again and again until it is committed. */
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
      const server = await this.campaign.server
      try {
        if (this.connection?.server !== server) this.connection = { server, client: await rawClient(server.uri) }
        return await this.connection.client.command(command)
      } catch {
        // The server is gone. Send the same command to the next one.
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

/** Each writer does one write and checks its reply. `round` is the number of its acknowledged writes so far. */
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

async function write(campaign: Campaign, work: (retrier: Retrier, round: number) => Promise<void>): Promise<number> {
  const retrier = new Retrier(campaign)
  let acknowledged = 0
  while (!campaign.done) await work(retrier, acknowledged++)
  retrier.close()
  return acknowledged
}

/** All counters as one command sees them, and the number of inserted documents. */
async function look(server: CrashServer): Promise<{ counters: Record<string, number>; inserted: number }> {
  const client = await rawClient(server.uri)
  const found = await client.command({ find: 'counters', $db })
  const { n } = await client.command({ count: 'inserted', $db })
  client.socket.destroy()
  const entries = (found.cursor.firstBatch as { _id: string; n: number }[]).map(({ _id, n }) => [_id, n])
  return { counters: Object.fromEntries(entries), inserted: n }
}

describeEmbedded('a server that is killed two hundred times', () => {
  test('has every acknowledged write exactly once, and no half transaction', async () => {
    const directory = await temporaryDirectory()
    const order = { dataDir: directory.path }
    const campaign: Campaign = { server: servers.start(order), done: false }
    const setup = await rawClient((await campaign.server).uri)
    const names = ['update', 'findAndModify', 'left', 'right']
    await setup.command({ insert: 'counters', documents: names.map((_id) => ({ _id, n: 0 })), $db })
    setup.socket.destroy()

    const working = Promise.all(Object.values(writers).map((work) => write(campaign, work)))
    for (let kill = 0; kill < kills; kill++) {
      const server = await campaign.server
      await delay(Math.random() * 25)
      campaign.server = server.kill().then(() => servers.start(order))
      const { counters, inserted } = await look(await campaign.server)
      expect(counters.left).toBe(counters.right)
      expect(inserted % 3).toBe(0)
    }
    campaign.done = true
    const [update, insert, findAndModify, transaction] = await working
    const last = await campaign.server
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
    test(`gets a retry after its restart, and has done ${name} once`, async () => {
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
      const campaign: Campaign = { server: Promise.resolve(dying), done: false }
      const retrier = new Retrier(campaign)
      const done = work(retrier)
      await dying.exited
      campaign.server = servers.start({ dataDir })
      await done
      retrier.close()
      const total = { counters: { c: 1, e: 0 } as Record<string, number>, inserted: 0 }
      if (dieAfter === 'insert') total.counters = { c: 0, e: 0, d: 1 }
      if (dieAfter === 'delete') total.counters = { e: 0 }
      const last = await campaign.server
      expect(await look(last)).toEqual(total)
      await last.kill()
      await directory.remove()
    })
  }
})

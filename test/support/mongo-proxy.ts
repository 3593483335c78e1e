// Stands between a MongoDB driver and its server, on a loopback port of its own. It forwards every byte, and knows enough
// of the wire protocol (OP_MSG; OP_QUERY only ever greets) to ask a gate before a command goes on to the server, and
// to tell it what the server answered before the driver learns it. A connection's commands stay in their order; those
// with which the driver watches the server and tidies up are never held.

import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { type Document, deserialize } from 'bson'
import type { MongoClient } from 'mongodb'
import { Framer } from '../../embedded/wire.ts'

const OP_QUERY = 2004
const OP_MSG = 2013
const CHECKSUM = 1

/** One command as the driver sends it: its first field is its name. */
export type Command = Document

export type Gate = {
  /** Resolves when the command may go on to the server. */
  before(command: Command): Promise<void>
  /** The server's answer, on its way to the driver: it goes on once this resolves. When either rejects, the connection ends. */
  after(command: Command, reply: Document): Promise<void> | void
}

export type MongoProxy = { uri: string; stop(): Promise<void> }

/** What the driver sends of its own accord. */
const NEVER_HELD = new Set(['hello', 'ismaster', 'isMaster', 'ping', 'endSessions', 'killCursors'])

/** @param client one that is connected to the server to which the proxy leads, without TLS or a login. */
export async function startMongoProxy(client: MongoClient, gate: Gate): Promise<MongoProxy> {
  const open = new Set<Socket>()
  const server = createServer((driver) => {
    const upstream = connectLike(client)
    for (const [socket, other] of [
      [driver, upstream],
      [upstream, driver],
    ] as const) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {}) // whoever hung up: 'close' follows
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
    }
    forward(driver, upstream, gate)
  })
  const port = await listen(server)
  return {
    uri: `mongodb://127.0.0.1:${port}/?directConnection=true`,
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function connectLike({ options }: MongoClient): Socket {
  const [first, ...others] = options.hosts
  if (!first || others.length > 0) throw new Error('The proxy leads to one server: name exactly one host')
  if (options.tls || options.credentials) throw new Error('The proxy knows neither TLS nor logins')
  const { socketPath, host, port } = first
  return socketPath ? createConnection(socketPath) : createConnection(port!, host!)
}

function forward(driver: Socket, upstream: Socket, gate: Gate): void {
  /** id of a request -> the command that waits for its answer. */
  const asked = new Map<number, Command>()
  let turn: Promise<unknown> = Promise.resolve()
  let turnBack: Promise<unknown> = Promise.resolve()

  async function ask(frame: Buffer): Promise<void> {
    const command = commandIn(frame)
    if (command && !NEVER_HELD.has(Object.keys(command)[0]!)) {
      await gate.before(command)
      asked.set(frame.readInt32LE(4), command)
    }
    upstream.write(frame)
  }

  async function answer(frame: Buffer): Promise<void> {
    const command = asked.get(frame.readInt32LE(8))
    if (command) {
      asked.delete(frame.readInt32LE(8))
      await gate.after(command, bodyOf(frame))
    }
    driver.write(frame)
  }

  const requests = new Framer()
  driver.on('data', (chunk: Buffer) => {
    for (const frame of requests.push(chunk)) turn = turn.then(() => ask(frame)).catch((error) => driver.destroy(error))
  })
  const replies = new Framer()
  upstream.on('data', (chunk: Buffer) => {
    for (const frame of replies.push(chunk)) {
      turnBack = turnBack.then(() => answer(frame)).catch((error) => driver.destroy(error))
    }
  })
}

/** Undefined for a greeting. Throws for what a driver only sends when it was told to, such as compressed messages. */
function commandIn(frame: Buffer): Command | undefined {
  const operation = frame.readInt32LE(12)
  if (operation === OP_QUERY) return undefined
  if (operation !== OP_MSG) throw new Error(`The proxy does not read messages of kind ${operation}`)
  return bodyOf(frame)
}

/** The body of an OP_MSG, with the documents of each of its sequences as an array in it. */
function bodyOf(frame: Buffer): Document {
  let body: Document = {}
  const sequences: Document = {}
  const end = frame.length - (frame.readUInt32LE(16) & CHECKSUM ? 4 : 0)
  for (let at = 20; at < end; ) {
    const isBody = frame[at] === 0
    const section = frame.subarray(at + 1, at + 1 + frame.readInt32LE(at + 1))
    if (isBody) body = deserialize(section)
    else {
      const zero = section.indexOf(0, 4)
      sequences[section.toString('utf8', 4, zero)] = documentsIn(section.subarray(zero + 1))
    }
    at += 1 + section.length
  }
  return { ...body, ...sequences }
}

function documentsIn(bytes: Buffer): Document[] {
  const documents: Document[] = []
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at)) {
    documents.push(deserialize(bytes.subarray(at, at + bytes.readInt32LE(at))))
  }
  return documents
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('A server on a port has an address with one')
  return address.port
}

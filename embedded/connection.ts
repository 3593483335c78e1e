// One client's connection: reads its messages and sends the replies, in order. Bytes that are not the protocol close this
// connection only. A defect of the server ends the server, because its state can no longer be trusted. The server stops
// reading from a client that sends without reading its replies, so that memory stays bounded.
import type { Socket } from 'node:net'
import type { Server } from './commands/command.ts'
import { abortTransactionOf, dispatch, errorReply } from './dispatch.ts'
import { isBufferFull } from './encode.ts'
import { CommandError } from './errors.ts'
import { encodeReply, Framer, type Message, ProtocolError, parseMessage } from './wire.ts'

/** How much of one connection may wait for its turn before it is no longer read from. */
const maxWaitingBytes = 1024 * 1024

let lastReply = 0

export function serve(
  socket: Socket,
  connectionId: number,
  server: Server,
  intake: Intake,
  onDefect: (error: Error) => void,
): void {
  const framer = new Framer()
  const waiting: { message: Message; bytes: number }[] = []
  let waitingBytes = 0
  let answering = false
  const account = () => intake.hold(socket, socket.destroyed ? 0 : framer.buffered + waitingBytes)
  const answerAll = async () => {
    answering = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (!intake.closed) await answer(socket, connectionId, server, next.message)
      waitingBytes -= next.bytes
      account()
    }
    answering = false
    socket.resume()
  }
  // A client that went away is not an error here; 'close' follows.
  socket.on('error', () => socket.destroy())
  socket.on('close', account)
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const frame of framer.push(chunk)) {
        waiting.push({ message: parseMessage(frame), bytes: frame.length })
        waitingBytes += frame.length
      }
    } catch (error) {
      socket.destroy()
      if (!(error instanceof ProtocolError)) throw error
    }
    account()
    if (waitingBytes > maxWaitingBytes) socket.pause()
    if (answering) return
    answerAll().catch((error: Error) => {
      socket.destroy()
      if (!(error instanceof ProtocolError)) onDefect(error)
    })
  })
}

async function answer(socket: Socket, connectionId: number, server: Server, message: Message): Promise<void> {
  // A write that wants no reply is done though its client is gone; of any other nobody would learn.
  if (socket.destroyed && message.wantsReply) return
  const reply = await replyTo(server, connectionId, message)
  if (!message.wantsReply || socket.destroyed) return
  lastReply = (lastReply + 1) | 0
  if (!socket.write(encode(message, reply))) await drained(socket)
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}

function encode(message: Message, reply: Record<string, unknown>): Buffer {
  try {
    return encodeReply(message, reply, lastReply)
  } catch (error) {
    if (!isBufferFull(error)) throw error
    return encodeReply(
      message,
      errorReply(new CommandError('BSONObjectTooLarge', 'the reply is too large'), {}),
      lastReply,
    )
  }
}

async function replyTo(server: Server, connectionId: number, message: Message): Promise<Record<string, unknown>> {
  let body: ReturnType<Message['body']>
  try {
    body = message.body()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    // A command of a transaction that cannot be read ends it like any other that fails.
    const loose = message.looseBody()
    abortTransactionOf(server, loose)
    return errorReply(error, loose)
  }
  return dispatch(server, connectionId, body)
}

export class Intake {
  /** The server ends: nothing more is begun. */
  closed = false
  private readonly limit: number
  private readonly held = new Map<Socket, number>()
  private total = 0

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Says how many bytes a connection holds now; one that is closed holds none. */
  hold(socket: Socket, bytes: number): void {
    this.total += bytes - (this.held.get(socket) ?? 0)
    if (bytes === 0) this.held.delete(socket)
    else this.held.set(socket, bytes)
    while (this.total > this.limit) this.closeLargest()
  }

  private closeLargest(): void {
    const [socket, bytes] = [...this.held].reduce((most, one) => (one[1] > most[1] ? one : most))
    this.held.delete(socket)
    this.total -= bytes
    socket.destroy()
  }
}

// One client's connection: reads its messages and sends the replies, in order. Bytes that are not the protocol close
// this connection only. A defect of the server ends the server, because its state can no longer be trusted. Memory is
// bounded: the server stops reading from a client that sends without reading its replies, and a budget limits the bytes
// of unfinished and waiting messages over all connections.
import type { Socket } from 'node:net'
import type { Server } from './commands/command.ts'
import { abortTransactionOf, dispatch, errorReply } from './dispatch.ts'
import { isBufferFull } from './encode.ts'
import { CommandError } from './errors.ts'
import { encodeReply, Framer, type Message, ProtocolError, parseMessage } from './wire.ts'

/** How many bytes of messages may wait in one connection before the server stops reading from it. */
const maxWaitingBytes = 1024 * 1024

/** What all connections of a server share. */
export interface ConnectionHost {
  server: Server
  budget: MessageBudget
  /** Called when the server itself has failed. */
  onDefect(error: Error): void
  /** The server ends: no further message is answered. */
  isClosing(): boolean
}

export function serveConnection(socket: Socket, connectionId: number, host: ConnectionHost): void {
  const framer = new Framer()
  const waiting: { message: Message; bytes: number }[] = []
  let waitingBytes = 0
  let answering = false
  let replyCount = 0

  const reportBytes = () => host.budget.set(socket, socket.destroyed ? 0 : framer.buffered + waitingBytes)
  const answer = async (message: Message) => {
    // A message without a reply takes effect even if its client is gone. Other messages then have no effect.
    if (socket.destroyed && message.wantsReply) return
    const reply = await replyTo(host.server, connectionId, message)
    if (!message.wantsReply || socket.destroyed) return
    replyCount = (replyCount + 1) | 0
    if (!socket.write(encode(message, reply, replyCount))) await drained(socket)
  }
  const answerAll = async () => {
    answering = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (!host.isClosing()) await answer(next.message)
      waitingBytes -= next.bytes
      reportBytes()
    }
    answering = false
    socket.resume()
  }

  // It is no error if a client goes away. The event 'close' follows.
  socket.on('error', () => socket.destroy())
  socket.on('close', reportBytes)
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
    reportBytes()
    if (waitingBytes > maxWaitingBytes) socket.pause()
    if (answering) return
    answerAll().catch((error: Error) => {
      socket.destroy()
      if (!(error instanceof ProtocolError)) host.onDefect(error)
    })
  })
}

async function replyTo(server: Server, connectionId: number, message: Message): Promise<Record<string, unknown>> {
  let body: ReturnType<Message['body']>
  try {
    body = message.body()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    // A command that cannot be read fails, and every failure ends the transaction that it belongs to.
    const readablePart = message.looseBody()
    abortTransactionOf(server, readablePart)
    return errorReply(error, readablePart)
  }
  return dispatch(server, connectionId, body)
}

function encode(message: Message, reply: Record<string, unknown>, replyId: number): Buffer {
  try {
    return encodeReply(message, reply, replyId)
  } catch (error) {
    if (!isBufferFull(error)) throw error
    return encodeReply(
      message,
      errorReply(new CommandError('BSONObjectTooLarge', 'the reply is too large'), {}),
      replyId,
    )
  }
}

/** Resolves when the client has read its replies, or is gone. */
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

/**
 * Limits the bytes of unfinished and waiting messages over all connections. Past the limit, it closes the connection
 * with the most bytes, so that one client cannot shut out the others.
 */
export class MessageBudget {
  private readonly limit: number
  private readonly bytesOf = new Map<Socket, number>()
  private total = 0

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Sets how many bytes a connection holds now. A closed connection holds 0. */
  set(socket: Socket, bytes: number): void {
    this.total += bytes - (this.bytesOf.get(socket) ?? 0)
    if (bytes === 0) this.bytesOf.delete(socket)
    else this.bytesOf.set(socket, bytes)
    while (this.total > this.limit) this.closeLargest()
  }

  private closeLargest(): void {
    const [socket, bytes] = [...this.bytesOf].reduce((most, one) => (one[1] > most[1] ? one : most))
    this.bytesOf.delete(socket)
    this.total -= bytes
    socket.destroy()
  }
}

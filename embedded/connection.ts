// One client's connection: its frames in, its replies out, in order. Bytes that are not the protocol end this
// connection and nothing else; a defect of the server ends the server, since its state could no longer be trusted.
import type { Socket } from 'node:net'
import type { Server } from './commands/command.ts'
import { dispatch, errorReply } from './dispatch.ts'
import { CommandError } from './errors.ts'
import { encodeReply, Framer, type Message, ProtocolError, parseMessage } from './wire.ts'

let lastReply = 0

export function serve(socket: Socket, connectionId: number, server: Server, onDefect: (error: Error) => void): void {
  const framer = new Framer()
  let previous: Promise<void> = Promise.resolve()
  // A client that went away is not an error here; 'close' follows.
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const frame of framer.push(chunk)) {
        const message = parseMessage(frame)
        previous = previous
          .then(() => answer(socket, connectionId, server, message))
          .catch((error: Error) => {
            socket.destroy()
            if (!(error instanceof ProtocolError)) onDefect(error)
          })
      }
    } catch (error) {
      socket.destroy()
      if (!(error instanceof ProtocolError)) throw error
    }
  })
}

async function answer(socket: Socket, connectionId: number, server: Server, message: Message): Promise<void> {
  if (socket.destroyed) return
  const reply = await replyTo(server, connectionId, message)
  if (!message.wantsReply || socket.destroyed) return
  lastReply = (lastReply + 1) | 0
  socket.write(encodeReply(message, reply, lastReply))
}

async function replyTo(server: Server, connectionId: number, message: Message): Promise<Record<string, unknown>> {
  let body: ReturnType<Message['body']>
  try {
    body = message.body()
  } catch (error) {
    if (error instanceof CommandError) return errorReply(error, {})
    throw error
  }
  return dispatch(server, connectionId, body)
}

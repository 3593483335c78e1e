// Stands between a client and a server on a loopback port of its own, and does to their connections what a network does: nothing passes
// (a black hole), answers come late, connections are reset, or an answer is lost on its way.

import { createConnection, createServer, type Socket } from 'node:net'

export type TcpProxy = {
  port: number
  /** Connections stay open and new ones are accepted, but nothing passes in either direction. */
  blackHole(): void
  /** What was held back goes on. */
  heal(): void
  /** Each answer comes so many ms later; 0: at once. */
  delay(ms: number): void
  /** Resets every open connection. */
  reset(): void
  /** Resets each connection once the server has sent so many more bytes on it; Infinity: never. */
  resetAfter(bytes: number): void
  /** Waits for a request with this text, lets it pass, and resets its connection instead of passing the answer. Resolves then. */
  loseAnswerTo(text: string): Promise<void>
  stop(): Promise<void>
}

/** One connection, as a tap uses it. */
export type Link = { toServer(bytes: Buffer): void; toClient(bytes: Buffer): void; reset(): void }

/** Takes the bytes of one connection and passes on what it likes. */
export type Tap = (link: Link) => { fromClient(bytes: Buffer): void; fromServer(bytes: Buffer): void }

const passOn: Tap = ({ toServer, toClient }) => ({ fromClient: toServer, fromServer: toClient })

type Pair = { client: Socket; server: Socket; reset(): void; received: number; losesAnswer?: () => void }

/** @param targetPort asked for each connection, when it is a function. */
export async function startTcpProxy(targetPort: number | (() => number), tap: Tap = passOn): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let isBlackHole = false
  let delayMs = 0
  let mostBytes = Number.POSITIVE_INFINITY
  let lost: { text: string; done: () => void } | undefined

  const listener = createServer({ noDelay: true }, (client) => {
    const server = createConnection({
      port: typeof targetPort === 'number' ? targetPort : targetPort(),
      host: '127.0.0.1',
      noDelay: true,
    })
    const pair: Pair = {
      client,
      server,
      received: 0,
      reset() {
        pairs.delete(pair)
        client.resetAndDestroy()
        server.resetAndDestroy()
      },
    }
    pairs.add(pair)
    const { fromClient, fromServer } = tap({
      toServer: (bytes) => void server.write(bytes),
      toClient(bytes) {
        if (delayMs === 0) client.write(bytes)
        else setTimeout(() => client.write(bytes), delayMs)
      },
      reset: pair.reset,
    })
    client.on('data', (bytes) => {
      if (lost && bytes.includes(lost.text)) {
        pair.losesAnswer = lost.done
        lost = undefined
      }
      fromClient(bytes)
    })
    server.on('data', (bytes) => {
      pair.received += bytes.length
      if (pair.losesAnswer || pair.received > mostBytes) {
        pair.reset()
        pair.losesAnswer?.()
        return
      }
      fromServer(bytes)
    })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      if (isBlackHole) socket.pause()
      socket.on('error', () => {}) // 'close' follows
      socket.on('end', () => other.end())
      socket.on('close', () => {
        pairs.delete(pair)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as { port: number }

  function hold(held: boolean): void {
    isBlackHole = held
    for (const { client, server } of pairs)
      for (const socket of [client, server]) held ? socket.pause() : socket.resume()
  }

  return {
    port,
    blackHole: () => hold(true),
    heal: () => hold(false),
    delay(ms) {
      delayMs = ms
    },
    reset() {
      for (const pair of pairs) pair.reset()
    },
    resetAfter(bytes) {
      mostBytes = bytes
      for (const pair of pairs) pair.received = 0
    },
    loseAnswerTo: (text) =>
      new Promise((resolve) => {
        lost = { text, done: resolve }
      }),
    async stop() {
      for (const pair of pairs) pair.reset()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

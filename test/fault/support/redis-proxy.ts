// A proxy that reads the protocol of Redis (RESP 2 and 3). It can drop a share of the keyspace notifications, and it can hold a command
// before Redis sees it, or its reply before the client sees it.

import { type Link, startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

export type RedisProxy = TcpProxy & {
  url: string
  /** Drops this share of the notifications, 0 to 1. */
  dropNotifications(share: number): void
  /** How many notifications were dropped. */
  readonly dropped: number
  /** Undefined: nothing is held. */
  gate(gate: RedisGate | undefined): void
}

/** `command`: the words of a command as they were sent, such as `['get', 'x']`. */
export type RedisGate = {
  /** The command goes on to Redis once this resolves. */
  before?(command: readonly string[]): Promise<void> | void
  /** The reply goes on to the client once this resolves. */
  after?(command: readonly string[]): Promise<void> | void
}

export async function startRedisProxy(redisPort: number, random: () => number): Promise<RedisProxy> {
  let share = 0
  let dropped = 0
  let gate: RedisGate | undefined

  function tap({ toServer, toClient, reset }: Link) {
    const [commands, replies] = [new RespFrames(), new RespFrames()]
    /** Commands without a reply yet, oldest first. */
    const asked: string[][] = []
    let isSubscriber = false
    // One after another, so that what is held keeps its place.
    let turns: Promise<unknown> = Promise.resolve()
    let answers: Promise<unknown> = Promise.resolve()
    const orReset = (work: Promise<unknown>) => work.catch(reset)

    async function ask(frame: Buffer): Promise<void> {
      const command = wordsOf(frame)
      isSubscriber ||= /^p?subscribe$/i.test(command[0]!)
      if (!isSubscriber) asked.push(command)
      await gate?.before?.(command)
      toServer(frame)
    }

    async function answer(frame: Buffer): Promise<void> {
      if (isSubscriber) {
        if (isNotification(frame) && random() < share) dropped += 1
        else toClient(frame)
        return
      }
      const command = asked.shift()
      if (command) await gate?.after?.(command)
      toClient(frame)
    }

    return {
      fromClient(bytes: Buffer) {
        for (const frame of commands.push(bytes)) turns = orReset(turns.then(() => ask(frame)))
      },
      fromServer(bytes: Buffer) {
        for (const frame of replies.push(bytes)) answers = orReset(answers.then(() => answer(frame)))
      },
    }
  }

  const proxy = await startTcpProxy(redisPort, tap)
  return {
    ...proxy,
    url: `redis://127.0.0.1:${proxy.port}`,
    dropNotifications(wanted) {
      share = wanted
    },
    get dropped() {
      return dropped
    },
    gate(wanted) {
      gate = wanted
    },
  }
}

/** Cuts a stream into whole values. */
class RespFrames {
  #rest: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): Buffer[] {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes
    const frames: Buffer[] = []
    for (let end = endOfValue(this.#rest, 0); end > 0; end = endOfValue(this.#rest, 0)) {
      frames.push(this.#rest.subarray(0, end))
      this.#rest = this.#rest.subarray(end)
    }
    return frames
  }
}

/** Where the value that begins at `at` ends; -1 when it is not whole yet. */
function endOfValue(bytes: Buffer, at: number): number {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd < 0) return -1
  const type = String.fromCharCode(bytes[at]!)
  const after = lineEnd + 2
  const count = Number(bytes.toString('latin1', at + 1, lineEnd))
  if ('$=!'.includes(type)) {
    if (count < 0) return after
    return bytes.length >= after + count + 2 ? after + count + 2 : -1
  }
  if (!'*>~%'.includes(type)) return after
  let end = after
  for (let left = type === '%' ? 2 * count : count; left > 0 && end > 0; left--) end = endOfValue(bytes, end)
  return end
}

/** The words of a command, which is an array of bulk strings. Long ones are cut. */
function wordsOf(frame: Buffer): string[] {
  const words: string[] = []
  for (let at = frame.indexOf('\r\n') + 2; at < frame.length; ) {
    const lineEnd = frame.indexOf('\r\n', at)
    const length = Number(frame.toString('latin1', at + 1, lineEnd))
    words.push(frame.toString('utf8', lineEnd + 2, lineEnd + 2 + Math.min(length, 1_000)))
    at = lineEnd + 2 + length + 2
  }
  return words
}

function isNotification(frame: Buffer): boolean {
  return /^[*>]\d+\r\n\$8\r\npmessage\r\n/.test(frame.toString('latin1', 0, 40))
}

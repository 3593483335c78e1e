// One kept-alive connection of the load generator, on a raw socket: an HTTP client would cost as much as the servers that are
// measured. It checks the status and the length of every answer. An answer that looks like the one before it (the usual
// case) is checked by a few bytes, every other one is parsed.

import { connect } from 'node:net'

export type Expected = { status: number; bodyBytes: number }

export type Connection = {
  /** Writes the text of one request, or of several ones. */
  send(requests: Buffer): void
  close(): void
}

export type ConnectionOptions = {
  port: number
  expected: Expected
  /** So many answers came, in the order of the requests. */
  onAnswers(count: number): void
  /** A wrong answer, or the connection ended. Called at most once. */
  onFailure(error: Error): void
}

const READ_BYTES = 64 * 1024
const END_OF_HEAD = '\r\n\r\n'
const [CR, LF] = [13, 10]
/** `HTTP/1.1 200`: where the first digit of the status is. */
const STATUS_AT = 9
/** A longer head is no head. */
const MAX_HEAD = 16 * 1024

export function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { port, expected, onAnswers } = options
  const digits = [...String(expected.status)].map((digit) => digit.charCodeAt(0))
  /** The bytes of the usual answer, and of its head. */
  let [usualBytes, usualHead] = [Number.POSITIVE_INFINITY, 0]
  /** The beginning of an answer that is not complete yet. */
  let rest: Buffer | undefined
  let isOver = false

  const fail = (message: string) => {
    if (isOver) return
    isOver = true
    socket.destroy()
    options.onFailure(new Error(message))
  }

  function receive(size: number, bytes: Uint8Array): boolean {
    let answers = 0
    let at = 0
    if (rest === undefined) {
      while (size - at >= usualBytes && isUsual(bytes, at)) {
        at += usualBytes
        answers += 1
      }
    }
    if (at < size) answers += parse(Buffer.from(bytes.subarray(at, size)))
    if (answers > 0 && !isOver) onAnswers(answers)
    return true
  }

  function isUsual(bytes: Uint8Array, at: number): boolean {
    const end = at + usualHead
    return (
      bytes[at + STATUS_AT] === digits[0] &&
      bytes[at + STATUS_AT + 1] === digits[1] &&
      bytes[at + STATUS_AT + 2] === digits[2] &&
      bytes[end - 4] === CR &&
      bytes[end - 3] === LF &&
      bytes[end - 2] === CR &&
      bytes[end - 1] === LF
    )
  }

  /** Returns how many answers are complete with these bytes. */
  function parse(bytes: Buffer): number {
    let left = rest ? Buffer.concat([rest, bytes]) : bytes
    let answers = 0
    while (left.length > 0) {
      const headEnd = left.indexOf(END_OF_HEAD)
      if (headEnd < 0) {
        if (left.length > MAX_HEAD) fail(`expected an HTTP answer, not ${shorten(left)}`)
        break
      }
      const head = left.toString('latin1', 0, headEnd)
      const status = Number(head.slice(STATUS_AT, STATUS_AT + 3))
      const isBodiless = status === 304 || status === 204
      const bodyBytes = isBodiless ? 0 : Number(/^content-length: *(\d+)\r?$/im.exec(head)?.[1] ?? Number.NaN)
      const total = headEnd + END_OF_HEAD.length + bodyBytes
      if (left.length < total) break
      if (status !== expected.status || bodyBytes !== expected.bodyBytes) {
        fail(`expected status ${expected.status} with ${expected.bodyBytes} bytes, not ${shorten(left)}`)
        break
      }
      usualBytes = total
      usualHead = headEnd + END_OF_HEAD.length
      left = left.subarray(total)
      answers += 1
    }
    rest = left.length > 0 ? left : undefined
    return answers
  }

  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: { buffer: Buffer.allocUnsafe(READ_BYTES), callback: receive },
  })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', () => fail('the server closed the connection'))
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () =>
      resolve({
        send: (requests) => void socket.write(requests),
        close() {
          isOver = true
          socket.destroy()
        },
      }),
    )
  })
}

function shorten(answer: Buffer): string {
  return JSON.stringify(answer.toString('latin1', 0, 400))
}

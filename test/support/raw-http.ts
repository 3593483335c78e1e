// A client of HTTP that is as rude as a test wants: it writes the bytes that it is given, reads or does not read, and tells
// how the connection ended.

import { connect, type Socket } from 'node:net'
import { until } from './until.ts'

export type RawAnswer = { status: number; headers: Record<string, string>; body: string }

export type RawClient = {
  socket: Socket
  write(bytes: string | Buffer): void
  /** Everything that came, as answers; what is not whole yet is left out. `heads`: those of HEAD requests have no body. */
  answers(options?: { heads?: boolean }): RawAnswer[]
  /** The answers, once there are so many. */
  whenAnswered(count: number): Promise<RawAnswer[]>
  /** How the connection ended: by the server's FIN, or by a reset. */
  closed: Promise<'end' | 'reset'>
}

export async function connectRaw(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const closed = new Promise<'end' | 'reset'>((resolve) => {
    socket.once('end', () => resolve('end'))
    socket.once('error', () => resolve('reset'))
    socket.once('close', () => resolve('reset'))
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  const answers = ({ heads = false } = {}) => readAnswers(Buffer.concat(chunks), heads)
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    answers,
    async whenAnswered(count) {
      await until(`${count} answers came`, () => answers().length >= count, { within: 10_000 })
      return answers()
    },
    closed,
  }
}

/** The text of a request; headers as `name: value`. */
export function rawRequest(line: string, headers: readonly string[] = [], body: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(body)
  const length = bytes.length > 0 ? [`content-length: ${bytes.length}`] : []
  const head = [`${line} HTTP/1.1`, 'host: alkaid.test', ...headers, ...length, '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}

function readAnswers(bytes: Buffer, heads: boolean): RawAnswer[] {
  const found: RawAnswer[] = []
  let rest = bytes
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return found
    const [first = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = heads ? 0 : Number(headers['content-length'] ?? 0)
    if (rest.length < end + 4 + length) return found
    const body = rest.subarray(end + 4, end + 4 + length).toString('utf8')
    found.push({ status: Number(first.split(' ')[1]), headers, body })
    rest = rest.subarray(end + 4 + length)
  }
}

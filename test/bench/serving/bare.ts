// What every variant is measured against: a bare `node:http` server that sends the same bytes, and nothing else. It reads its answer
// from the file in BARE_ANSWER.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

export type BareAnswer = { status: number; headers: Record<string, string>; body: string }

const { status, headers, body } = JSON.parse(readFileSync(process.env.BARE_ANSWER!, 'utf8')) as BareAnswer

createServer((_request, response) => {
  response.writeHead(status, headers)
  response.end(body)
}).listen(Number(process.env.PORT), '127.0.0.1')

process.once('disconnect', () => process.exit())

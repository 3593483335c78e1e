// Attacks by bytes: requests that are too long, too slow, half, or two things at once. Each is tried at the gateway and at a node.

import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect } from '@jest/globals'
import { connectRaw, type RawClient, rawRequest } from '../../support/raw-http.ts'
import { describeWithRedis } from '../../support/redis.ts'
import { type Attack, codeIn, testAttacks, type World } from '../support/attacks.ts'

const PLACES = ['gateway', 'distribution'] as const
type Place = (typeof PLACES)[number]

/** What an attack by bytes comes to: the status of the first answer, or how the connection ended without one. */
async function firstAnswer(
  client: RawClient,
): Promise<{ status: number | 'end' | 'reset'; code?: string | undefined }> {
  const ended = await Promise.race([
    client.closed,
    client.whenAnswered(1).then(
      () => undefined,
      () => undefined,
    ),
  ])
  const [answer] = client.answers()
  client.socket.destroy()
  return answer ? { status: answer.status, code: codeIn(answer.body) } : { status: ended ?? 'end' }
}

/** An attack on each place by what `send` writes. */
function bytes(
  title: string,
  send: (client: RawClient, world: World) => void,
  expected: Record<string, unknown>,
): Attack[] {
  return PLACES.map((place) => ({
    title: `${title}, at the ${place}`,
    async run(world) {
      const client = await connectRaw(world.alkaid.get(place).url)
      send(client, world)
      return firstAnswer(client)
    },
    expected,
  }))
}

const credentials = ({ token, shop }: World) => [`authorization: Bearer ${token}`, `x-app-key: ${shop.appKey}`]
const POST = 'POST /graphql'
const JSON_TYPE = 'content-type: application/json'
const raw = (...lines: string[]) => [...lines, '', ''].join('\r\n')

const attacks: Attack[] = [
  ...bytes(
    'a body of 5 GB that is only announced',
    (client, world) =>
      client.write(raw(`${POST} HTTP/1.1`, 'host: x', JSON_TYPE, ...credentials(world), 'content-length: 5000000000')),
    { status: 413 },
  ),
  ...bytes(
    'two lengths',
    (client) => client.write(raw(`${POST} HTTP/1.1`, 'host: x', JSON_TYPE, 'content-length: 2', 'content-length: 3')),
    { status: 400 },
  ),
  ...bytes(
    'a length and chunks',
    (client) =>
      client.write(
        `${raw(`${POST} HTTP/1.1`, 'host: x', JSON_TYPE, 'content-length: 2', 'transfer-encoding: chunked')}0\r\n\r\n`,
      ),
    { status: 400 },
  ),
  ...bytes('a negative length', (client) => client.write(raw(`${POST} HTTP/1.1`, 'host: x', 'content-length: -1')), {
    status: 400,
  }),
  ...bytes(
    'a chunk without a length',
    (client, world) =>
      client.write(
        `${raw(`${POST} HTTP/1.1`, 'host: x', JSON_TYPE, ...credentials(world), 'transfer-encoding: chunked')}zz\r\n{}\r\n`,
      ),
    { status: 400 },
  ),
  ...bytes(
    '64 KB of headers',
    (client) =>
      client.write(
        rawRequest(
          'GET /livez',
          Array.from({ length: 64 }, (_, n) => `x-${n}: ${'x'.repeat(1_000)}`),
        ),
      ),
    { status: 431 },
  ),
  ...bytes(
    'an address of 100 KB',
    (client) => client.write(`GET /${'x'.repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
    { status: 431 },
  ),
  ...bytes('bytes that are no HTTP', (client) => client.write('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), {
    status: 400,
  }),
  ...bytes('HTTP/2 without asking', (client) => client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), { status: 400 }),
  ...bytes('a method that nobody knows', (client) => client.write('BREW /graphql HTTP/1.1\r\nhost: x\r\n\r\n'), {
    status: 400,
  }),
  ...bytes('TRACE', (client) => client.write(raw('TRACE /graphql HTTP/1.1', 'host: x', 'cookie: secret')), {
    status: 405,
  }),
  ...bytes(
    'a line break inside a header',
    (client) => client.write('GET /livez HTTP/1.1\r\nhost: x\r\nx-request-id: a\nb: c\r\n\r\n'),
    { status: 400 },
  ),
  ...bytes(
    'a body that is not UTF-8',
    (client, world) =>
      client.write(rawRequest(POST, [JSON_TYPE, ...credentials(world)], Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))),
    { status: 400 },
  ),
  ...bytes(
    'a body of 60 MB in 60 KB',
    (client, world) =>
      client.write(
        rawRequest(
          POST,
          [JSON_TYPE, 'content-encoding: gzip', ...credentials(world)],
          gzipSync(Buffer.alloc(60 * 1024 * 1024)),
        ),
      ),
    { status: 413 },
  ),
  ...bytes(
    'a compressed body that is damaged',
    (client, world) =>
      client.write(rawRequest(POST, [JSON_TYPE, 'content-encoding: gzip', ...credentials(world)], 'not gzip')),
    { status: 400 },
  ),
  ...bytes(
    'an encoding in an encoding',
    (client, world) =>
      client.write(rawRequest(POST, [JSON_TYPE, 'content-encoding: gzip, gzip', ...credentials(world)], '{}')),
    { status: 415 },
  ),
  ...bytes(
    'a form, as a page of a stranger can send it',
    (client, world) =>
      client.write(rawRequest(POST, ['content-type: text/plain', ...credentials(world)], '{"query":"{ __typename }"}')),
    { status: 415 },
  ),
  ...bytes('a path out of the folder', (client) => client.write(rawRequest('GET /../../etc/passwd')), { status: 404 }),
  ...bytes(
    'a search that is not percent-encoded UTF-8',
    (client, world) => client.write(rawRequest('GET /graphql?variables=%ff%fe', credentials(world))),
    { status: 400 },
  ),
  ...bytes(
    'half a head, and then nothing',
    (client) => {
      client.write('POST /graphql HTTP/1.1\r\nhost: x\r\n')
      client.socket.end()
    },
    { status: expect.anything() },
  ),
  ...PLACES.map(
    (place): Attack => ({
      title: `200 connections that send half a body and leave, at the ${place}`,
      run: async (world) => {
        await many(200, world, place, (client) => {
          client.write(raw(`${POST} HTTP/1.1`, 'host: x', JSON_TYPE, ...credentials(world), 'content-length: 1000'))
          client.write('{"query": "{')
          setTimeout(() => client.socket.destroy(), 50)
        })
        return {}
      },
      expected: {},
    }),
  ),
  ...PLACES.map(
    (place): Attack => ({
      title: `1,000 requests at once on one connection are cut off, at the ${place}`,
      async run(world) {
        const client = await connectRaw(world.alkaid.get(place).url)
        for (let n = 0; n < 10; n += 1) client.write(rawRequest('GET /readyz').toString().repeat(100))
        const ended = await Promise.race([
          client.closed,
          client.whenAnswered(1_000).then(
            () => 'answered',
            () => 'open',
          ),
        ])
        client.socket.destroy()
        return { ended }
      },
      expected: { ended: expect.stringMatching(/^(end|reset|answered)$/) },
    }),
  ),
  ...PLACES.map(
    (place): Attack => ({
      title: `100 clients that never read their answers, at the ${place}`,
      async run(world) {
        await many(100, world, place, (client) => {
          client.socket.pause()
          for (let n = 0; n < 50; n += 1) client.write(rawRequest('GET /readyz'))
        })
        await sleep(500)
        return {}
      },
      expected: {},
    }),
  ),
  ...PLACES.map(
    (place): Attack => ({
      title: `300 connections that say nothing, at the ${place}`,
      async run(world) {
        await many(300, world, place, () => {})
        return {}
      },
      expected: {},
    }),
  ),
]

/** Opens connections, lets each do something, and leaves all of them a moment later. */
async function many(count: number, { alkaid }: World, place: Place, each: (client: RawClient) => void): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => connectRaw(alkaid.get(place).url)))
  for (const client of clients) each(client)
  await sleep(500)
  for (const client of clients) client.socket.destroy()
}

describeWithRedis('A connection', () => testAttacks(attacks))

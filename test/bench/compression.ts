// `bench -- compression`: what the compression of one answer costs, and how many bytes it saves, by the size of the answer. The threshold
// of the lane (common/lane/reply.ts) comes from here. The content is that of real answers: JSON with the same keys again and again,
// and different texts and event tokens.

import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { seeded } from '../support/seeded.ts'
import { type Bench, type Measurement, summarise } from './bench.ts'

const RUNS = 5
const SIZES_KB = [1, 2, 4, 8, 16, 64, 256]

const ENCODINGS: Record<string, (text: string) => Buffer> = {
  'gzip 1': (text) => gzipSync(text, { level: 1 }),
  'gzip 6': (text) => gzipSync(text, { level: 6 }),
  'brotli 1': (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  'brotli 4': (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
}

export const compression: Bench = {
  summary: 'time to compress one answer, and the bytes that it saves, by its size',
  async run(_options, print) {
    const found: Measurement[] = []
    for (const size of SIZES_KB) {
      const text = answerOf(size * 1024)
      for (const [name, compress] of Object.entries(ENCODINGS)) {
        const saved = text.length - compress(text).length
        const times = Array.from({ length: RUNS }, () => timeOf(compress, text))
        const cost = summarise(`${name} of ${size} KB`, 'µs', times)
        print(`${cost.name}: saves ${saved} bytes, ${(cost.value / (saved / 1024)).toFixed(1)} µs for each KB`)
        found.push(cost)
      }
    }
    return found
  },
}

/** The processor's time for one call, in µs. Enough calls to take about 20 ms. */
function timeOf(compress: (text: string) => Buffer, text: string): number {
  const calls = Math.max(10, Math.round(2_000_000 / (text.length + 20_000)))
  const before = process.cpuUsage()
  for (let call = 0; call < calls; call += 1) compress(text)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}

function answerOf(length: number): string {
  const random = seeded(length)
  const letters = (count: number) =>
    Array.from({ length: count }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('')
  const creatives: object[] = []
  while (JSON.stringify(creatives).length < length) {
    creatives.push({
      creative: `cre_0196a3f0-${letters(4)}-7000-8000-${letters(12)}`,
      revision: 1,
      schedule: `sch_0196a3f0-${letters(4)}-7000-8000-${letters(12)}`,
      title: `${letters(6)} ${letters(4)}`,
      text: `${letters(5)} ${letters(3)} ${letters(7)} ${letters(4)}.`,
      image: { url: `https://img.example/${letters(8)}.webp`, width: 1200, height: 600, alt: letters(6) },
      link: `shop://${letters(8)}`,
      data: { theme: 'light' },
      eventToken: letters(120),
    })
  }
  return JSON.stringify({ data: { decisions: [{ slot: 'feed', reason: 'MATCHED', creatives, capToken: null }] } })
}

// `npm run bench -- NAME [--json]`: runs one of the benches below and prints what it measured.
import { parseArgs } from 'node:util'
import { embedded } from './embedded.ts'

/** One line of a result; times in ms. */
export interface Measurement {
  name: string
  /** The median of `runs`. */
  value: number
  unit: 'ms'
  /** What the design asks for. */
  atMost: number
  runs: number[]
}

export interface Bench {
  summary: string
  run(): Promise<Measurement[]>
}

/** To add a bench, write its file and its line here. */
const benches: Record<string, Bench> = { embedded }

const help = `Usage: npm run bench -- NAME [--json]

Measures and prints; asserts nothing. Medians of five runs.

${Object.entries(benches)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join('\n')}

  --json     the last line is the result as JSON
  --help     this text`

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) return console.log(help)
  const [name = ''] = positionals
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
  if (bench === undefined) throw new Error(`expected the name of a bench (${Object.keys(benches).join(', ')})`)
  const measurements = await bench.run()
  for (const { name, value, unit, atMost, runs } of measurements) {
    console.log(`${name.padEnd(48)} ${show(value)} ${unit}   (at most ${atMost}; runs: ${runs.map(show).join(' ')})`)
  }
  if (values.json) console.log(JSON.stringify({ bench: name, measurements }))
}

function show(value: number): string {
  return value.toPrecision(3)
}

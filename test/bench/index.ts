// `npm run bench -- NAME [--json]`: runs one of the benches below and prints what it measured.
import { parseArgs } from 'node:util'
import { embedded } from './embedded.ts'
import { select } from './select.ts'

/** One line of a result. */
export interface Measurement {
  name: string
  /** The median of `runs`. */
  value: number
  /** `x`: a ratio. */
  unit: 'ms' | 'ns' | 'MB' | 'x'
  /** What the design asks for; left out where it asks for nothing. */
  atMost?: number
  runs: number[]
}

export interface Bench {
  summary: string
  run(): Promise<Measurement[]>
  /** What stands in the JSON beside the measurements. */
  fields?(measurements: readonly Measurement[]): Record<string, unknown>
}

/** To add a bench, write its file and its line here. */
const benches: Record<string, Bench> = { embedded, select }

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
    const wanted = atMost === undefined ? '' : `at most ${atMost}; `
    console.log(`${name.padEnd(60)} ${show(value)} ${unit}   (${wanted}runs: ${runs.map(show).join(' ')})`)
  }
  if (values.json) console.log(JSON.stringify({ bench: name, ...bench.fields?.(measurements), measurements }))
}

function show(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3)
}

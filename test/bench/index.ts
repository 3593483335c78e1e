// `npm run bench -- NAME [--json]`: runs one of the benches below and prints what it measured.
import { parseArgs } from 'node:util'
import { type Bench, isMet, type Measurement, type OptionHelp, type Options } from './bench.ts'
import { compression } from './compression.ts'
import { embedded } from './embedded.ts'
import { loading } from './loading.ts'
import { page } from './page.ts'
import { select } from './select.ts'
import { curve } from './serving/curve.ts'
import { events } from './serving/events.ts'
import { heap } from './serving/heap.ts'
import { latency } from './serving/latency.ts'
import { serve } from './serving/serve.ts'

/** To add a bench, write its file and its line here. */
const benches: Record<string, Bench> = {
  ...{ serve, latency, curve, heap, events, page },
  ...{ select, loading, compression, embedded },
}

const COMMON: Record<string, OptionHelp> = {
  json: { about: 'the last line is the result as JSON' },
  help: { about: 'this text' },
}

// Children of a bench end with it (children.ts), also when somebody stops it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const [name = ''] = parseArgs({ strict: false, allowPositionals: true }).positionals
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
  const known = { ...bench?.options, ...COMMON }
  const options = readOptions(known)
  if (options.help) return console.log(bench ? helpOf(name, bench, known) : help())
  if (bench === undefined) throw new Error(`expected the name of a bench (${Object.keys(benches).join(', ')})`)
  const measurements = await bench.run(options, (line) => console.error(line))
  printTable(measurements)
  if (options.json) console.log(JSON.stringify({ bench: name, ...bench.fields?.(measurements), measurements }))
}

function readOptions(known: Readonly<Record<string, OptionHelp>>): Options {
  const entries = Object.entries(known).map(([name, { placeholder }]) => {
    const type: 'string' | 'boolean' = placeholder === undefined ? 'boolean' : 'string'
    return [name, { type }] as const
  })
  return parseArgs({ allowPositionals: true, options: Object.fromEntries(entries) }).values as Options
}

function printTable(measurements: readonly Measurement[]): void {
  for (const measurement of measurements) {
    const { name, value, unit, atMost, atLeast, runs } = measurement
    const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`
    const met = isMet(measurement)
    const wanted = met === undefined ? '' : `${bound}: ${met ? 'met' : 'NOT MET'}; `
    console.log(
      `${name.padEnd(60)} ${`${show(value)} ${unit}`.padEnd(12)} (${wanted}runs: ${runs.map(show).join(' ')})`,
    )
  }
}

function help(): string {
  return `Usage: npm run bench -- NAME [options]

Measures and prints; asserts nothing. Medians of several runs. \`npm run bench -- NAME --help\` lists the options of a bench.

${Object.entries(benches)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join('\n')}

${helpOfOptions(COMMON)}`
}

function helpOf(name: string, { summary }: Bench, known: Readonly<Record<string, OptionHelp>>): string {
  return `Usage: npm run bench -- ${name} [options]\n\n${summary}\n\n${helpOfOptions(known)}`
}

function helpOfOptions(options: Readonly<Record<string, OptionHelp>>): string {
  const lines = Object.entries(options).map(([name, { placeholder, about }]) => {
    const option = placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`
    return `  ${option.padEnd(18)} ${about}`
  })
  return lines.join('\n')
}

function show(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3)
}

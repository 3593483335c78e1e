// `npm run replay`: sends a real log through the platform, from booking to reports. At the end it compares the reports with the log.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readTokenSettings } from '../common/service/secrets.ts'
import { readSettings, type Settings, SettingsError } from '../common/service/settings.ts'
import { startPlatform } from '../platform/app.ts'
import { book, untilServed } from './replay/book.ts'
import { findMismatches, smallestPValue } from './replay/compare.ts'
import { type LogRow, readLog } from './replay/read-log.ts'
import { sendRows } from './replay/send.ts'
import { createClient } from './shared/client.ts'
import { operationIds } from './shared/operation-ids.ts'
import { createProgress } from './shared/progress.ts'
import { tokensOfRoles } from './shared/tokens.ts'

const HELP = `Usage: npm run replay [-- FILE] [--url URL] [--distribution-url URL] [--data-dir DIR] [--json]

Books every item of an Open Bandit log in three slots, has it approved and published, sends every row as a slot
query and as an import of its impression and click, and compares decisions and reports with the log.

  FILE                     a CSV file of the Open Bandit Dataset (default: demo/open-bandit.csv, the beginning of one)
  --url URL                the gateway of a running platform (default: a platform of its own, on a temporary
                           folder and free ports; MONGODB_URI and REDIS_URL are used where they are set)
  --distribution-url URL   its distribution node (default: the gateway's port + 10)
  --data-dir DIR           the data folder of that platform, for its development secret (default: DATA_DIR, or .data)
  --json                   end with one line of JSON: {rows, answered, errors, mismatches, pValue, seconds}
  --help                   this text`

const OPTIONS = {
  url: { type: 'string' },
  'distribution-url': { type: 'string' },
  'data-dir': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

const DEMO_LOG = fileURLToPath(new URL('../demo/open-bandit.csv', import.meta.url))
/** With a smaller p-value, the decisions do not fit equal weights. */
const MIN_P_VALUE = 0.001
const SHOWN_MISMATCHES = 10

type Result = { rows: number; answered: number; errors: number; mismatches: number; pValue: number; seconds: number }
type Target = {
  gatewayUrl: string
  distributionUrl: string
  tokens: Parameters<typeof tokensOfRoles>[0]
  stop(): Promise<void>
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  if (values.help) {
    console.log(HELP)
    return
  }
  const [file = DEMO_LOG] = positionals
  if (positionals.length > 1) throw new SettingsError(`Expected one file at most.\n\n${HELP}`)
  const rows = readLog(file)
  const target = await openTarget(values)
  try {
    const result = await replay(target, rows, newAppCode(file))
    const good = result.errors === 0 && result.mismatches === 0 && result.pValue > MIN_P_VALUE
    if (values.json) console.log(JSON.stringify(result))
    else console.log(describe(result, good))
    process.exitCode = good ? 0 : 1
  } finally {
    await target.stop()
  }
}

async function replay(target: Target, rows: readonly LogRow[], app: string): Promise<Result> {
  const begun = Date.now()
  const progress = createProgress(process.stderr)
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const url = `${target.gatewayUrl}/graphql`
  const tokens = await tokensOfRoles(target.tokens)
  say(`The app of this run: ${app}`)
  const booked = await book({ url, tokens, app, rows, progress })
  await untilServed(url, tokens.viewer, booked)
  const operation = operationIds().Decisions!
  const distributionUrl = `${target.distributionUrl}/graphql`
  const operator = createClient(url, tokens.operator)
  const sent = await sendRows({ distributionUrl, operation, operator, booked, rows, progress })
  if (sent.firstError) say(`First error: ${sent.firstError}`)
  const mismatches = await findMismatches(url, tokens.viewer, booked, rows)
  for (const mismatch of mismatches.slice(0, SHOWN_MISMATCHES)) say(mismatch)
  const { answered, errors, decided } = sent
  const pValue = smallestPValue(decided, booked.creatives.size)
  return {
    rows: rows.length,
    answered,
    errors,
    mismatches: mismatches.length,
    pValue,
    seconds: (Date.now() - begun) / 1000,
  }
}

async function openTarget(values: { url?: string; 'distribution-url'?: string; 'data-dir'?: string }): Promise<Target> {
  const settings = readSettings({ ...process.env, ...(values['data-dir'] && { DATA_DIR: values['data-dir'] }) })
  if (values.url === undefined) return openOwn(settings)
  const gateway = readUrl('--url', values.url)
  const distribution = values['distribution-url']
    ? readUrl('--distribution-url', values['distribution-url'])
    : Object.assign(new URL(gateway), { port: String(Number(gateway.port || 80) + 10) })
  const tokens = readTokenSettings(settings)
  return { gatewayUrl: gateway.origin, distributionUrl: distribution.origin, tokens, stop: async () => {} }
}

/** Starts a platform for this run. Its data is deleted at the end, except the data in the MongoDB of MONGODB_URI. */
async function openOwn(settings: Settings): Promise<Target> {
  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-replay-'))
  const remove = () => rm(dataDir, { recursive: true, force: true })
  try {
    const platform = await startPlatform({ ...settings, host: '127.0.0.1', port: 0, metricsPort: 0, dataDir })
    return {
      ...platform,
      async stop() {
        await platform.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

function readUrl(option: string, text: string): URL {
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw new SettingsError(`${option}: expected a URL as http://127.0.0.1:4000, not ${JSON.stringify(text)}`)
  return new URL(text)
}

function newAppCode(file: string): string {
  const name = basename(file, '.csv')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40)
  return `${name || 'replay'}-${Date.now().toString(36)}`
}

function describe(result: Result, good: boolean): string {
  const { rows, answered, errors, mismatches, pValue, seconds } = result
  return [
    `${answered} of ${rows} rows answered, ${errors} errors`,
    `smallest p-value of the decisions against equal weights: ${pValue.toFixed(4)} (must be above ${MIN_P_VALUE})`,
    `${mismatches} differences between reports and log`,
    `${good ? 'Everything is equal' : 'NOT equal'}, after ${seconds.toFixed(1)} s`,
  ].join('\n')
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})

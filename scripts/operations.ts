// `npm run operations`: registers the persisted operations of an app, from a developer's machine or from CI.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Client, createClient, GraphQLFailure } from './shared/client.ts'

const HELP = `Usage: npm run operations -- publish FILE [FILE ...] --app CODE [--dry-run] [--keep] [--confirm-removal] [options]
       npm run operations -- list --app CODE [--json] [options]

publish registers the persisted operations of an app: those in the manifests that Apollo's tools write. They replace the list of the
app as a whole. Do this before you release a version of the app that sends them.

list shows the operations that apps may send, with their use in the last 30 days.

  --app CODE          the app
  --dry-run           only check the manifests, and show what would change
  --keep              keep the operations of the app that the manifests lack: for a second platform of the same app, or while
                      earlier versions of the app are in use
  --confirm-removal   remove operations although apps used them in the last 30 days. Apps that still send them get an error
  --json              print the list as JSON
  --url URL           the gateway (default: ALKAID_URL, or http://127.0.0.1:4000)
  --token TOKEN       a token with the role admin in the app; viewer is enough for list and --dry-run (default: ALKAID_TOKEN).
                      For trying out: ALKAID_TOKEN=$(npm run -s token -- --role admin)
  --help              this text

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.`

const OPTIONS = {
  app: { type: 'string' },
  'dry-run': { type: 'boolean' },
  keep: { type: 'boolean' },
  'confirm-removal': { type: 'boolean' },
  json: { type: 'boolean' },
  url: { type: 'string' },
  token: { type: 'string' },
  help: { type: 'boolean' },
} as const

type Entry = { id: string; name: string; type: string; body: string }
type Shown = {
  hash: string
  name: string
  type: 'QUERY' | 'MUTATION'
  body: string
  builtIn: boolean
  registeredAt: string | null
  registeredBy: string | null
  uses: number
  lastUsedAt: string | null
}
type Check = { version: number; unchanged: number; added: Shown[]; removed: Shown[] }

/** The caller did not use the command as its help says. */
class UsageError extends Error {}
/** What was asked cannot be done. */
class Refusal extends Error {}

async function main(): Promise<void> {
  const { values, positionals } = readArguments()
  if (values.help) return console.log(HELP)
  const [command, ...files] = positionals
  if (command !== 'publish' && command !== 'list') throw new UsageError('Expected a command: publish or list')
  const { app } = values
  if (!app) throw new UsageError('--app: expected the code of an app')
  const token = values.token ?? process.env.ALKAID_TOKEN
  if (!token)
    throw new UsageError('--token or ALKAID_TOKEN: expected a token. `npm run token -- --help` says how to get one')
  const url = values.url ?? process.env.ALKAID_URL ?? 'http://127.0.0.1:4000'
  if (!URL.canParse(url)) throw new UsageError(`--url: expected the URL of the gateway, not ${JSON.stringify(url)}`)
  const client = createClient(`${url.replace(/\/+$/, '').replace(/\/graphql$/, '')}/graphql`, token)
  if (command === 'publish') return publish(client, app, files, values)
  if (files.length > 0) throw new UsageError('list takes no files')
  await list(client, app, values.json === true)
}

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

type PublishOptions = { 'dry-run'?: boolean; keep?: boolean; 'confirm-removal'?: boolean }

/** 1. Read the files. 2. Let the gateway check them. 3. Show the changes. 4. Register, unless an operation in use would go. */
async function publish(client: Client, app: string, files: readonly string[], options: PublishOptions): Promise<void> {
  if (files.length === 0)
    throw new UsageError('publish: expected the manifest, for example persisted-query-manifest.json')
  const operations = new Map(files.flatMap(readManifest).map((entry) => [entry.id, entry]))
  if (options.keep) for (const entry of await registered(client, app)) operations.set(entry.id, entry)
  const manifest = { format: 'apollo-persisted-query-manifest', version: 1, operations: [...operations.values()] }

  const { checkOperations } = await client(CHECK, { app, manifest })
  const { version, unchanged, added, removed } = checkOperations as Check
  for (const { name, hash } of added) console.log(`+ ${name} ${hash}`)
  for (const operation of removed) console.log(`- ${operation.name} ${operation.hash}${useOf(operation)}`)
  const inUse = removed.filter(({ uses, builtIn }) => uses > 0 && !builtIn)
  if (inUse.length > 0 && !options['confirm-removal']) {
    const which = inUse.length === 1 ? 'an operation' : `${inUse.length} operations`
    throw new Refusal(
      `Apps still use ${which} that the manifests lack. Use --keep to keep them, or --confirm-removal to remove them: apps that still send them then get an error`,
    )
  }
  const summary = `${added.length} added, ${removed.length} removed, ${unchanged} unchanged`
  if (options['dry-run']) return console.log(`The manifests can be registered: ${summary}`)
  if (added.length + removed.length === 0) return console.log(`Nothing to change: ${summary}`)
  const input = {
    ...{ app, expectedVersion: version, manifest, idempotencyKey: randomUUID() },
    removeUsed: inUse.map(({ hash }) => hash),
  }
  await client(REGISTER, { input })
  console.log(`Registered in ${app}: ${summary}`)
}

/** The operations in a manifest. The gateway checks them. */
function readManifest(file: string): Entry[] {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Refusal(`${file}: cannot be read as JSON: ${(error as Error).message}`)
  }
  const { format, version, operations } = (content ?? {}) as {
    format?: unknown
    version?: unknown
    operations?: unknown
  }
  if (format !== 'apollo-persisted-query-manifest' || version !== 1 || !Array.isArray(operations)) {
    throw new Refusal(
      `${file}: is no manifest: expected {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [...]}`,
    )
  }
  return operations as Entry[]
}

/** The app's own operations, as entries of a manifest. */
async function registered(client: Client, app: string): Promise<Entry[]> {
  const { operations } = (await client(LIST, { app })).operations as { operations: Shown[] }
  return operations
    .filter(({ registeredAt }) => registeredAt !== null)
    .map(({ hash, name, type, body }) => ({ id: hash, name, type: type.toLowerCase(), body }))
}

async function list(client: Client, app: string, asJson: boolean): Promise<void> {
  const { operations } = (await client(LIST, { app })).operations as { operations: Shown[] }
  if (asJson) return console.log(JSON.stringify(operations, null, 2))
  for (const operation of operations) {
    const { name, hash, builtIn, registeredAt, registeredBy } = operation
    const since = registeredAt === null ? '' : `, registered ${registeredAt.slice(0, 10)} by ${registeredBy}`
    console.log(`${name} ${hash}${builtIn ? ', built in' : ''}${since}${useOf(operation)}`)
  }
}

function useOf({ uses, lastUsedAt }: Shown): string {
  if (lastUsedAt === null) return ', not used in the last 30 days'
  return `, used ${uses.toLocaleString('en')} times in the last 30 days, the last on ${lastUsedAt}`
}

const SHOWN = 'hash name type body builtIn registeredAt registeredBy uses lastUsedAt'
const LIST = `query Operations($app: ID!) { operations(app: $app) { operations { ${SHOWN} } } }`
const CHECK = `query CheckOperations($app: ID!, $manifest: JSON!) {
  checkOperations(app: $app, manifest: $manifest) { version unchanged added { ${SHOWN} } removed { ${SHOWN} } } }`
const REGISTER = `mutation RegisterOperations($input: RegisterOperationsInput!) { registerOperations(input: $input) { version } }`

main().catch((error: Error) => {
  const { mistakes = [] } = error instanceof GraphQLFailure ? error : {}
  console.error(error.message)
  for (const { path, message } of mistakes.slice(1)) console.error(`${path}: ${message}`)
  if (error instanceof GraphQLFailure && error.code === 'CONFLICT') {
    console.error('Somebody else has registered operations of this app at the same time: run the command again')
  }
  if (!(error instanceof UsageError || error instanceof Refusal || error instanceof GraphQLFailure))
    console.error(error.stack)
  if (error instanceof UsageError) console.error('--help shows how the command is used')
  process.exitCode = error instanceof UsageError ? 2 : 1
})

// The whole platform as separate processes, by the command that people use, with its own folder, Redis and ports.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '../../common/access/rights.ts'
import { readSecrets } from '../../common/service/secrets.ts'
import { readSettings } from '../../common/service/settings.ts'
import type { Client } from '../../scripts/shared/client.ts'
import { tokensOfRoles } from '../../scripts/shared/tokens.ts'
import { gateway, subgraphs } from '../../subgraphs/registry.ts'
import { type Command, type Ended, run, runFile } from './command.ts'
import { clientsOf } from './platform.ts'
import { freePortForProcesses } from './ports.ts'
import { until } from './until.ts'

export type TestProcesses = {
  dataDir: string
  services: readonly string[]
  urlOf(service: string): string
  /** Of the port on which it tells of itself. */
  metricsUrlOf(service: string): string
  clients: Record<Role, Client>
  tokens: Record<Role, string>
  /** Everything that was printed, each line with its service in front. */
  output(): string
  /** Kills the process of a service, by its id. */
  kill(service: string): Promise<void>
  /** Freezes the process of a service: its port takes connections, nothing answers. What thaws it. */
  freeze(service: string): () => void
  /** Starts it again, by itself, as a person would. */
  startAgain(service: string): Promise<void>
  /** Ctrl-C; how the command ended. */
  stop(): Promise<Ended>
}

const OFFSETS = Object.fromEntries([gateway, ...subgraphs].map(({ name, port }) => [name, port - gateway.port]))

/** @param env beside the folder and the ports. */
export async function startProcesses(env: Record<string, string> = {}): Promise<TestProcesses> {
  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-processes-'))
  const base = await freePortForProcesses()
  const args = ['--port', `${base}`, '--data-dir', dataDir, '--no-demo']
  const command = run('start-processes.ts', args, env)
  const again: Command[] = []
  const urlOf = (service: string) => `http://127.0.0.1:${base + OFFSETS[service]!}`
  const pidOf = (service: string) =>
    Number(new RegExp(`^${service} is ready, process (\\d+)`, 'm').exec(command.output())![1])
  const metricsUrlOf = (service: string) => `http://127.0.0.1:${base + 100 + OFFSETS[service]!}`
  try {
    await command.until('Alkaid is ready', 90_000)
  } catch (error) {
    await command.end('SIGTERM')
    await rm(dataDir, { recursive: true, force: true })
    throw error
  }
  const tokens = await tokensOfRoles(readSecrets(readSettings({ DATA_DIR: dataDir })).tokens)
  return {
    dataDir,
    services: Object.keys(OFFSETS),
    urlOf,
    metricsUrlOf,
    tokens,
    clients: clientsOf(urlOf('gateway'), tokens),
    output: command.output,
    async kill(service) {
      process.kill(pidOf(service), 'SIGKILL')
      await command.until(`${service} has ended by SIGKILL`)
    },
    freeze(service) {
      const pid = pidOf(service)
      process.kill(pid, 'SIGSTOP')
      return () => void process.kill(pid, 'SIGCONT')
    },
    async startAgain(service) {
      const printed = command.output()
      const own = {
        PORT: new URL(urlOf(service)).port,
        DATA_DIR: dataDir,
        MONGODB_URI: /mongodb:\S+/.exec(printed)![0],
        REDIS_URL: /^ {2}Channel +Redis at (\S+)/m.exec(printed)![1]!,
      }
      const process = runFile(service === 'gateway' ? 'gateway/index.ts' : `subgraphs/${service}/index.ts`, [], own)
      again.push(process)
      await process.until(`${service} listens at`)
      const isReady = () =>
        fetch(`${urlOf(service)}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        )
      await until(`${service} is ready again`, isReady, { within: 20_000 })
    },
    async stop() {
      for (const one of again) await one.end('SIGTERM')
      const ended = await command.end('SIGINT')
      await rm(dataDir, { recursive: true, force: true })
      return ended
    },
  }
}

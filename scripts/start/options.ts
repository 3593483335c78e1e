// The options of `npm start` and `npm run start:processes`, and the settings that result from them.

import { parseArgs } from 'node:util'
import { readSettings, type Settings, SettingsError, type SettingsOptions } from '../../common/service/settings.ts'

const OPTIONS = {
  port: { type: 'string' },
  'data-dir': { type: 'string' },
  'no-demo': { type: 'boolean' },
  workers: { type: 'string' },
  help: { type: 'boolean' },
} as const

const NO_WORKERS =
  '--workers: npm start runs everything in one process, the node too. For a node on every core, use: ' +
  'npm run start:processes -- --workers auto'

/** Undefined when `--help` was given. Throws SettingsError. */
export function readStartOptions(
  help: string,
  wanted: SettingsOptions & { canHaveWorkers?: boolean } = {},
): { settings: Settings; wantsDemo: boolean } | undefined {
  const values = readArguments(help)
  if (values.help) return undefined
  if (values.workers !== undefined && !wanted.canHaveWorkers) throw new SettingsError(NO_WORKERS)
  const settings = readSettings(
    {
      ...process.env,
      ...(values.port && { PORT: values.port }),
      ...(values['data-dir'] && { DATA_DIR: values['data-dir'] }),
      ...(values.workers && { DISTRIBUTION_WORKERS: values.workers }),
    },
    wanted,
  )
  return { settings, wantsDemo: !values['no-demo'] }
}

/**
 * The process id of npm, when npm runs this script directly. A killed npm (SIGKILL) cannot pass the signal on, so the platform must
 * end when npm is gone.
 */
export function npmParent(script: 'start' | 'start:processes'): number | undefined {
  return process.env.npm_lifecycle_event === script ? process.ppid : undefined
}

function readArguments(help: string) {
  try {
    const { values } = parseArgs({ options: OPTIONS })
    for (const option of ['port', 'data-dir', 'workers'] as const) {
      if (values[option] === '') throw new SettingsError(`--${option}: expected a value`)
    }
    return values
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw new SettingsError(`${(error as Error).message}\n\n${help}`)
  }
}

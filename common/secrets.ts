// The secrets of an installation. In production they come from the environment; in development they are made once
// and kept in DATA_DIR/secrets.json, readable by its owner only.

import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { TokenSettings } from './auth.ts'
import { type Settings, SettingsError } from './config.ts'

export type Secrets = { tokens: TokenSettings; signingSecret: string }

const secretsFile = z.object({ jwtSecret: z.string().min(32), signingSecret: z.string().min(32) })
type SecretsFile = z.output<typeof secretsFile>

/** Throws SettingsError when the folder cannot be written or its file is not one of ours. */
export function readSecrets(settings: Settings): Secrets {
  const { tokens, signingSecret, dataDir } = settings
  if (tokens.key && signingSecret) return { tokens: { ...tokens, key: tokens.key }, signingSecret }
  const own = ownSecrets(dataDir)
  return {
    tokens: { ...tokens, key: tokens.key ?? { secret: own.jwtSecret } },
    signingSecret: signingSecret ?? own.signingSecret,
  }
}

function ownSecrets(dataDir: string): SecretsFile {
  const file = join(dataDir, 'secrets.json')
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const made: SecretsFile = { jwtSecret: newSecret(), signingSecret: newSecret() }
    writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`, { flag: 'wx', mode: 0o600 })
    return made
  } catch (error) {
    // Another start made it before us: use that one.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return readFile(file)
    throw new SettingsError(`DATA_DIR: expected a folder that can be written, ${(error as Error).message}`)
  }
}

function readFile(file: string): SecretsFile {
  try {
    const found = secretsFile.safeParse(JSON.parse(readFileSync(file, 'utf8')))
    if (found.success) return found.data
  } catch (error) {
    throw new SettingsError(`DATA_DIR: cannot read ${file}: ${(error as Error).message}`)
  }
  throw new SettingsError(
    `DATA_DIR: expected jwtSecret and signingSecret, of at least 32 characters each, in ${file}; delete the file to have it made anew`,
  )
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

// The secrets of an installation. In production they come from the environment. In development they are made at the first start and
// kept in DATA_DIR/secrets.json, which only its owner can read.

import { createHmac, randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { deriveSigningKeys, type SigningKeys } from '../../engine/publication/sign.ts'
import type { TokenSettings } from '../access/tokens.ts'
import { type Settings, SettingsError } from './settings.ts'
import { writeWhole } from './write-whole.ts'

export type Secrets = { tokens: TokenSettings; signingKeys: SigningKeys }

/** The secret that a service shows to others, and those that it accepts from others. */
export type ServiceSecrets = { shown: string; accepted: readonly string[] }

const secret = z.string().min(32)
const secretsFile = z.object({ jwtSecret: secret, signingSecret: secret, serviceSecret: secret.optional() })
type SecretsFile = Required<z.output<typeof secretsFile>>

/** Throws SettingsError when the folder cannot be written, or when the file in it has another format. */
export function readSecrets(settings: Settings): Secrets {
  const { tokens, signingSecret, oldSecrets, dataDir } = settings
  const own = tokens.key && signingSecret ? undefined : ownSecrets(dataDir)
  return {
    tokens: { ...tokens, key: tokens.key ?? { secret: own!.jwtSecret } },
    signingKeys: deriveSigningKeys(signingSecret ?? own!.signingSecret, oldSecrets.signing),
  }
}

/** The token settings of an installation that was started before. Otherwise throws SettingsError, because no service would accept a new secret. */
export function readTokenSettings(settings: Settings): TokenSettings {
  const { tokens, dataDir } = settings
  if (tokens.key) return { ...tokens, key: tokens.key }
  const file = join(dataDir, 'secrets.json')
  if (existsSync(file)) return { ...tokens, key: { secret: readFile(file).jwtSecret } }
  throw new SettingsError(
    `DATA_DIR: there is no ${file}; expected the data folder of a platform that was started (--data-dir), or JWT_SECRET`,
  )
}

/** The secrets that services in separate processes show each other. Throws SettingsError like `readSecrets`. */
export function readServiceSecrets({ serviceSecret, oldSecrets, dataDir }: Settings): ServiceSecrets {
  const shown = serviceSecret ?? ownSecrets(dataDir).serviceSecret
  return { shown, accepted: oldSecrets.service === undefined ? [shown] : [shown, oldSecrets.service] }
}

function ownSecrets(dataDir: string): SecretsFile {
  const file = join(dataDir, 'secrets.json')
  if (existsSync(file)) return readFile(file) // also from a folder that cannot be written, as on a full disk
  const made: SecretsFile = { jwtSecret: newSecret(), signingSecret: newSecret(), serviceSecret: newSecret() }
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    // The file appears as a whole: processes that start together must not read a half-written file.
    writeWhole(file, textOf(made), linkSync)
    return made
  } catch (error) {
    // Another process made the file first: use its secrets.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return readFile(file)
    throw new SettingsError(`DATA_DIR: expected a folder that can be written, ${(error as Error).message}`)
  }
}

function readFile(file: string): SecretsFile {
  let found: ReturnType<typeof secretsFile.safeParse>
  try {
    found = secretsFile.safeParse(JSON.parse(readFileSync(file, 'utf8')))
    if (found.success) return withServiceSecret(found.data, file)
  } catch (error) {
    throw new SettingsError(`DATA_DIR: cannot read ${file}: ${(error as Error).message}`)
  }
  throw new SettingsError(
    `DATA_DIR: expected jwtSecret and signingSecret, of at least 32 characters each, in ${file}; delete the file to have it made anew`,
  )
}

/**
 * Adds the service secret to a file of an older version. It is derived from the signing secret, so that processes that do this at the
 * same time write the same.
 */
function withServiceSecret(found: z.output<typeof secretsFile>, file: string): SecretsFile {
  if (found.serviceSecret !== undefined) return { ...found, serviceSecret: found.serviceSecret }
  const serviceSecret = createHmac('sha256', found.signingSecret).update('service').digest('base64url')
  const complete = { ...found, serviceSecret }
  try {
    writeWhole(file, textOf(complete))
  } catch {
    // As on a full disk. The next start makes the same of it.
  }
  return complete
}

const textOf = (secrets: SecretsFile) => `${JSON.stringify(secrets, null, 2)}\n`

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

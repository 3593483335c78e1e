// `npm run token`: prints a token for the admin graph.

import { parseArgs } from 'node:util'
import { ROLES, type Role, signToken } from '../common/auth.ts'
import { readSettings, SettingsError } from '../common/config.ts'
import { readTokenSettings } from '../common/secrets.ts'

const HELP = `Usage: npm run token -- --role ROLE [--app CODE] [--actor NAME] [--hours N] [--data-dir DIR]

Prints a token for the gateway, signed with JWT_SECRET or with the development secret in the data folder.

  --role ROLE      one of ${ROLES.join(', ')}
  --app CODE       in this app only (default: in every app)
  --actor NAME     who it is (default: the role's name)
  --hours N        how long it is good for, at most 12 (default: 12)
  --data-dir DIR   where the development secret lives (default: DATA_DIR, or .data)
  --help           this text`

const OPTIONS = {
  role: { type: 'string' },
  app: { type: 'string' },
  actor: { type: 'string' },
  hours: { type: 'string' },
  'data-dir': { type: 'string' },
  help: { type: 'boolean' },
} as const

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) return console.log(HELP)
  const role = values.role as Role | undefined
  if (!role || !ROLES.includes(role)) throw new SettingsError(`--role: expected one of ${ROLES.join(', ')}`)
  const hours = Number(values.hours ?? 12)
  if (!(hours > 0 && hours <= 12)) throw new SettingsError('--hours: expected a number above 0, at most 12')
  const settings = readSettings({ ...process.env, ...(values['data-dir'] && { DATA_DIR: values['data-dir'] }) })
  const tokens = readTokenSettings(settings)
  if (!('secret' in tokens.key))
    throw new SettingsError('JWKS_URL: tokens are signed by your identity provider; expected JWT_SECRET here')
  const principal = { actor: values.actor ?? role, roles: { [values.app ?? '*']: [role] } }
  console.log(await signToken(tokens, principal, Math.round(hours * 3600)))
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})

// `npm run token`: prints a token for the admin graph.

import { parseArgs } from 'node:util'
import { ROLES, type Role } from '../common/access/rights.ts'
import { signToken, type TokenSettings, tokenVerifier } from '../common/access/tokens.ts'
import { readTokenSettings } from '../common/service/secrets.ts'
import { readSettings, SettingsError } from '../common/service/settings.ts'

const HELP = `Usage: npm run token -- --role ROLE [--role [APP:]ROLE ...] [--app CODE] [--actor NAME] [--hours N] [--data-dir DIR]

Prints a token for the gateway, signed with JWT_SECRET or with the development secret in the data folder. Where an identity
provider signs the tokens (JWKS_URL), this command cannot make one.

  --role ROLE      one of ${ROLES.join(', ')};
                   APP:ROLE: in that app only, for example shop:reviewer. May be repeated
  --app CODE       the app for roles that name none (default: every app)
  --actor NAME     the name of the person (default: the names of the roles)
  --hours N        how long it is valid, at most 12 (default: 12)
  --data-dir DIR   where the development secret lives (default: DATA_DIR, or .data)
  --help           this text`

const OPTIONS = {
  role: { type: 'string', multiple: true },
  app: { type: 'string' },
  actor: { type: 'string' },
  hours: { type: 'string' },
  'data-dir': { type: 'string' },
  help: { type: 'boolean' },
} as const

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) return console.log(HELP)
  const granted = readRoles(values.role ?? [], values.app ?? '*')
  const hours = Number(values.hours ?? 12)
  if (!(hours > 0 && hours <= 12)) throw new SettingsError('--hours: expected a number above 0, at most 12')
  const settings = readSettings({ ...process.env, ...(values['data-dir'] && { DATA_DIR: values['data-dir'] }) })
  const tokens = readTokenSettings(settings)
  if (!('secret' in tokens.key)) {
    throw new SettingsError(
      'JWKS_URL: your identity provider signs the tokens, and Alkaid cannot. Get one there, with the claim `alkaid` as ' +
        `${JSON.stringify(claimOf(granted))}; or set JWT_SECRET in place of JWKS_URL, for the platform too`,
    )
  }
  const actor = values.actor ?? [...new Set(granted.map(({ role }) => role))].join('-')
  console.log(await sign(tokens, actor, granted, Math.round(hours * 3600)))
}

type Granted = { app: string; role: Role }

/** Throws SettingsError, with a line for each mistake. */
function readRoles(given: readonly string[], defaultApp: string): Granted[] {
  const mistakes: string[] = []
  if (given.length === 0) mistakes.push(`--role: expected one of ${ROLES.join(', ')}`)
  if (!isApp(defaultApp)) mistakes.push(`--app: expected the code of an app, not ${JSON.stringify(defaultApp)}`)
  const granted = given.map((text): Granted => {
    const [, app = defaultApp, role = ''] = /^(?:(.*):)?([^:]*)$/s.exec(text) ?? []
    if (!ROLES.includes(role as Role)) {
      mistakes.push(`--role: expected one of ${ROLES.join(', ')}, or one as APP:ROLE, not ${JSON.stringify(text)}`)
    } else if (app !== defaultApp && !isApp(app)) {
      mistakes.push(`--role: expected the code of an app before the colon, not ${JSON.stringify(text)}`)
    }
    return { app, role: role as Role }
  })
  if (mistakes.length > 0) throw new SettingsError(mistakes.join('\n'))
  return granted
}

function isApp(code: string): boolean {
  return code === '*' || /^[a-z0-9._-]{1,64}$/.test(code)
}

/** `{"*": ["operator"], "shop": ["reviewer"]}` */
function claimOf(granted: readonly Granted[]): Record<string, Role[]> {
  const byApp = Map.groupBy(granted, ({ app }) => app)
  return Object.fromEntries([...byApp].map(([app, all]) => [app, [...new Set(all.map(({ role }) => role))]]))
}

/** Rejects when no service would accept the token, for example because of its actor. */
async function sign(tokens: TokenSettings, actor: string, granted: readonly Granted[], seconds: number) {
  const token = await signToken(tokens, { actor, roles: claimOf(granted) }, seconds)
  await tokenVerifier(tokens)(`Bearer ${token}`)
  return token
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})

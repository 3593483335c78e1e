// Tokens for development: one for each role, signed with the shared secret.

import { ROLES, type Role } from '../../common/access/rights.ts'
import { signToken, type TokenSettings } from '../../common/access/tokens.ts'

/** role -> a token with that role in every app, valid for 12 hours. The actor has the name of the role. */
export async function tokensOfRoles(settings: TokenSettings): Promise<Record<Role, string>> {
  const signed = await Promise.all(
    ROLES.map(async (role) => [role, await signToken(settings, { actor: role, roles: { '*': [role] } })] as const),
  )
  return Object.fromEntries(signed) as Record<Role, string>
}

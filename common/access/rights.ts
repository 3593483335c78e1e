// Who may do what. RIGHTS is the only table of roles and their actions. `authorize` is the check that every mutation and every
// protected query makes.

import { AlkaidError } from '../base/errors.ts'

export const ROLES = ['viewer', 'operator', 'reviewer', 'publisher', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Action -> the roles that may do it. The role `admin` may do everything. */
export const RIGHTS = {
  read: ['viewer', 'operator', 'reviewer', 'publisher'],
  createApp: ['operator'],
  updateApp: [],
  rotateAppKey: [],
  registerOperations: [],
  createSlot: ['operator'],
  updateSlot: ['operator'],
  archiveSlot: ['operator'],
  unarchiveSlot: ['operator'],
  createSchedule: ['operator'],
  reviseSchedule: ['operator'],
  duplicateSchedule: ['operator'],
  archiveSchedule: ['operator'],
  unarchiveSchedule: ['operator'],
  createCreative: ['operator'],
  reviseCreative: ['operator'],
  archiveCreative: ['operator'],
  unarchiveCreative: ['operator'],
  createStrategy: ['operator'],
  reviseStrategy: ['operator'],
  archiveStrategy: ['operator'],
  unarchiveStrategy: ['operator'],
  createSegment: ['operator'],
  reviseSegment: ['operator'],
  archiveSegment: ['operator'],
  unarchiveSegment: ['operator'],
  submitForReview: ['operator'],
  recallSubmission: ['operator'],
  approve: ['reviewer'],
  reject: ['reviewer'],
  publish: ['publisher'],
  publishSlot: ['publisher'],
  rollbackSlot: ['publisher'],
  pause: ['publisher'],
  resume: ['publisher'],
  withdraw: ['publisher'],
  revokeApproval: ['reviewer', 'publisher'],
  takeDown: ['reviewer', 'publisher'],
  stopSlot: ['publisher'],
  restartSlot: ['publisher'],
  recordEvents: ['operator'],
} as const satisfies Record<string, readonly Role[]>

export type Action = keyof typeof RIGHTS

/** A caller with a valid token. `roles`: app code -> roles in that app. The code `*` stands for all apps. */
export type Principal = { actor: string; roles: Readonly<Record<string, readonly Role[]>> }

/** Throws UNAUTHENTICATED for a caller without a token. */
export function requirePrincipal(principal: Principal | null): Principal {
  if (principal) return principal
  throw new AlkaidError('UNAUTHENTICATED', 'This needs a token: send `authorization: Bearer <token>`')
}

/** Returns the principal. Throws UNAUTHENTICATED without a token, and FORBIDDEN if its roles do not allow the action in this app. */
export function authorize(caller: Principal | null, app: string, action: Action): Principal {
  const principal = requirePrincipal(caller)
  if (mayDo(principal, app, action)) return principal
  const allowed = [...RIGHTS[action], 'admin'].join(' or ')
  throw new AlkaidError('FORBIDDEN', `${action} in app ${JSON.stringify(app)} needs the role ${allowed}`)
}

export function mayDo(principal: Principal, app: string, action: Action): boolean {
  const roles = [...rolesIn(principal, app), ...rolesIn(principal, '*')]
  const allowed: readonly Role[] = RIGHTS[action]
  return roles.some((role) => role === 'admin' || allowed.includes(role))
}

/**
 * A filter of the apps that the caller may read. A slot that is named by its code alone, without an app, is searched only in
 * these apps.
 */
export function readerOf(principal: Principal | null): (app: string) => boolean {
  return (app) => principal !== null && mayDo(principal, app, 'read')
}

function rolesIn(principal: Principal, app: string): readonly Role[] {
  return Object.hasOwn(principal.roles, app) ? principal.roles[app]! : []
}

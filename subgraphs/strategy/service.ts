// The rules of strategies: what their content may be, and how it changes.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { badInput } from '../../common/errors.ts'
import { expectedVersion, idempotencyKey, parseInput, reference, text } from '../../common/input.ts'
import { mutate } from '../../common/mutate.ts'
import type { Caller, Services } from '../../common/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { checkConstraint } from '../../common/targeting/validate.ts'
import { type StrategyContent, strategies } from './repository.ts'

const content = z.object({ name: text(200), constraint: z.unknown().optional() })
const createInput = z.object({ app: reference, content, idempotencyKey })
const reviseInput = z.object({ id: reference, expectedVersion, content, idempotencyKey })

/** Makes a strategy, as a draft. Answers its id. */
export async function createStrategy(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = withConstraint(parseInput(createInput, given))
  const { id } = await mutate(services, caller, 'createStrategy', input, async ({ tx, actor, at, authorize, log }) => {
    authorize(input.app)
    await requireApp(tx, input.app)
    const made = await strategies.create(tx, { app: input.app, content: input.content, actor, at, more: {} })
    await log(made.app, { type: 'STRATEGY', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision. Answers the id of the strategy. */
export async function reviseStrategy(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = withConstraint(parseInput(reviseInput, given))
  const { id } = await mutate(services, caller, 'reviseStrategy', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await strategies.require(tx, input.id)
    authorize(before.app)
    checkVersion('strategy', before, input.expectedVersion)
    const after = await strategies.revise(tx, before, { content: input.content, actor, at })
    await log(after.app, { type: 'STRATEGY', id: after._id }, before, after)
    return after._id
  })
  return id
}

/** The input with its constraint checked: a clean copy, without what is null. */
function withConstraint<T extends { content: { name: string; constraint?: unknown } }>(
  input: T,
): T & { content: StrategyContent } {
  const { name, constraint } = input.content
  if (constraint === null || constraint === undefined)
    return { ...input, content: { name, constraint: null, rollout: null } }
  const checked = checkConstraint(constraint, 'input.content.constraint')
  if (checked.ok) return { ...input, content: { name, constraint: checked.constraint, rollout: null } }
  const [first, ...more] = checked.errors
  throw badInput(first!.path, first!.message, more)
}

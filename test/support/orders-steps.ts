// What of an operation's commands the other side can notice. Under snapshot isolation that is: where a transaction takes
// its snapshot (its first command), which documents it writes (the first writer holds them, a second one loses), and
// where it ends. What it reads in between it reads from its snapshot, whatever the other side does meanwhile.

import type { Document } from 'bson'
import type { Command } from './mongo-proxy.ts'

export type Step = {
  /** As people read it. */
  text: string
  /** Which transaction it belongs to; null outside of one. */
  transaction: string | null
  /** It takes a snapshot: a transaction's first command, or any outside of one. */
  looks: boolean
  /** What it asks to write, as `<collection>/<name>`, or `<collection>/*` where it does not go by the `_id` of a name. */
  writes: readonly string[]
  ends: 'commit' | 'abort' | null
}

/** A step that was made. */
export type Made = Step & {
  /** `ok`, or the name of the error. */
  answer: string
  /** What others see from here on. */
  shows: boolean
  /** What it held and let go without showing it: the step aborted its transaction. */
  releases: readonly string[]
}

export const SIDES = ['first', 'second'] as const
export type Side = (typeof SIDES)[number]
export type MadeBy = Made & { side: Side }

/** Entries of the change log have ids of their own and no other unique key: no two of them can collide. */
const NEVER_COLLIDES = 'changes'

/** @param names `_id` -> what the document is called, the same one in every run. */
export function stepOf(command: Command, names: ReadonlyMap<string, string>): Step {
  const [name, target] = Object.entries(command)[0]!
  const transaction = command.autocommit === false ? `${command.lsid.id.toString('hex')}:${command.txnNumber}` : null
  const ends = name === 'commitTransaction' ? 'commit' : name === 'abortTransaction' ? 'abort' : null
  const writes =
    typeof target === 'string' ? idsOf(target, name, command).map((id) => `${target}/${names.get(id) ?? '*'}`) : []
  return {
    text: typeof target === 'string' ? `${name} ${writes.join(' ') || target}` : name,
    transaction,
    looks: command.startTransaction === true || transaction === null,
    writes,
    ends,
  }
}

/** The `_id`s that a command writes; '*' stands for any. */
function idsOf(collection: string, name: string, command: Command): string[] {
  if (name === 'findAndModify') return idsIn(command.query)
  if (name === 'update') return command.updates.flatMap(({ q }: Document) => idsIn(q))
  if (name === 'delete') return command.deletes.flatMap(({ q }: Document) => idsIn(q))
  // A unique index may make any two insertions collide.
  return name === 'insert' && collection !== NEVER_COLLIDES ? ['*'] : []
}

function idsIn({ _id }: Document): string[] {
  if (typeof _id === 'string') return [_id]
  return Array.isArray(_id?.$in) ? _id.$in : ['*']
}

/** Whether the other side cannot notice it, wherever it comes. `held`: what its transaction has written so far. */
export function isPrivate(step: Step, held: ReadonlySet<string>): boolean {
  if (step.ends) return held.size === 0
  return !step.looks && step.writes.length === 0
}

/** Whether two steps of different sides, one after the other, can come to something else the other way round. */
export function depend(one: Made, other: Made): boolean {
  if (overlap(one.writes, other.writes)) return true
  if ((one.shows && other.looks) || (other.shows && one.looks)) return true
  return overlap(one.releases, other.writes) || overlap(other.releases, one.writes)
}

/** The same for two orders that come about from each other when neighbours that do not depend change places. */
export function shapeOf(made: readonly MadeBy[]): string {
  const counts = { first: 0, second: 0 }
  const lines: string[] = []
  const seen: { step: MadeBy; at: number; after: Set<string> }[] = []
  for (const step of made) {
    const at = counts[step.side]++
    const after = new Set<string>()
    for (const earlier of seen) {
      if (earlier.step.side !== step.side && !depend(earlier.step, step)) continue
      after.add(`${earlier.step.side} ${earlier.at}`)
      for (const one of earlier.after) after.add(one)
    }
    seen.push({ step, at, after })
    lines.push(`${step.side} ${at} ${step.text} ${step.answer} after ${[...after].sort()}`)
  }
  return lines.sort().join('\n')
}

export function overlap(some: Iterable<string>, others: Iterable<string>): boolean {
  const keys = [...others]
  for (const key of some) if (keys.some((other) => same(key, other))) return true
  return false
}

function same(one: string, other: string): boolean {
  if (one === other) return true
  const [collection, id] = one.split('/')
  const [otherCollection, otherId] = other.split('/')
  return collection === otherCollection && (id === '*' || otherId === '*')
}

// What is held against an archiving: a slot with a schedule and all that this uses, in the state in which a command finds it;
// and what must hold once the command and the archiving have come to their ends, in whatever order.

import { expect } from '@jest/globals'
import { isExpected } from '../../common/base/errors.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { archiveCreative } from '../../subgraphs/creative/service.ts'
import { publish } from '../../subgraphs/delivery/publish.ts'
import { publishSlot } from '../../subgraphs/delivery/publish-slot.ts'
import { rollbackSlot } from '../../subgraphs/delivery/rollback.ts'
import { archiveSchedule } from '../../subgraphs/schedule/schedules-service.ts'
import { archiveSlot } from '../../subgraphs/schedule/slots-service.ts'
import { archiveSegment } from '../../subgraphs/strategy/segments-service.ts'
import { archiveStrategy } from '../../subgraphs/strategy/strategies-service.ts'
import type { CheckedTrial } from './orders.ts'
import type { Both, Run } from './orders-run.ts'
import { pinsIn, type Thing, type Workflow } from './workflow.ts'

const COMMANDS = { publish, publishSlot, rollbackSlot } as const
const ARCHIVINGS = {
  SCHEDULE: archiveSchedule,
  CREATIVE: archiveCreative,
  STRATEGY: archiveStrategy,
  SEGMENT: archiveSegment,
}

export type ArchiveCase = {
  command: keyof typeof COMMANDS
  archived: 'creative' | 'strategy' | 'segment' | 'inner segment' | 'fallback' | 'schedule' | 'slot'
  /** Whether the schedule, and with it the slot, was published before. */
  published: boolean
  /** The archiving does not confirm that the thing may be live. */
  unconfirmed?: boolean
}

/**
 * What makes each end well, where something is used for the first time: the guard of the thing itself. Where the command is
 * on the schedule or the slot that is archived, its version does. What was live before stays live, whoever is first.
 */
export const ARCHIVE_CASES: readonly ArchiveCase[] = [
  { command: 'rollbackSlot', archived: 'creative', published: false },
  { command: 'rollbackSlot', archived: 'strategy', published: false },
  { command: 'rollbackSlot', archived: 'inner segment', published: false },
  { command: 'rollbackSlot', archived: 'schedule', published: false },
  { command: 'rollbackSlot', archived: 'creative', published: false, unconfirmed: true },
  { command: 'publish', archived: 'creative', published: false, unconfirmed: true },
  { command: 'publish', archived: 'strategy', published: false, unconfirmed: true },
  { command: 'publish', archived: 'inner segment', published: false, unconfirmed: true },
  { command: 'publish', archived: 'fallback', published: false, unconfirmed: true },
  { command: 'publish', archived: 'schedule', published: false, unconfirmed: true },
  { command: 'publish', archived: 'slot', published: false, unconfirmed: true },
  { command: 'publishSlot', archived: 'fallback', published: false, unconfirmed: true },
  { command: 'publish', archived: 'creative', published: false },
  { command: 'publish', archived: 'strategy', published: false },
  { command: 'publish', archived: 'segment', published: false },
  { command: 'publish', archived: 'inner segment', published: false },
  { command: 'publish', archived: 'fallback', published: false },
  { command: 'publish', archived: 'schedule', published: false },
  { command: 'publish', archived: 'slot', published: false },
  { command: 'publishSlot', archived: 'fallback', published: false },
  { command: 'publishSlot', archived: 'slot', published: false },
  { command: 'publish', archived: 'creative', published: true },
  { command: 'publish', archived: 'inner segment', published: true },
  { command: 'publishSlot', archived: 'fallback', published: true },
]

export function titleOfArchiving({ command, archived, published, unconfirmed }: ArchiveCase): string {
  const how = unconfirmed ? ' unless it is live' : ''
  return `${command}${published ? '' : ' for the first time'} against archiving the ${archived}${how}`
}

const CALLER: Caller = { principal: { actor: 'admin', roles: { '*': ['admin'] } }, requestId: 'test' }

/** The command (first) and the archiving (second) on things of their own, which are made without a proxy. */
export async function setArchiveScene(
  flow: Workflow,
  services: Both<Services>,
  of: ArchiveCase,
): Promise<CheckedTrial> {
  const { slot, things } = await makeThings(flow, of)
  const onSlot = async () => ({ ...(await flow.onSlot(slot.id)), ...(of.command === 'rollbackSlot' ? { to: 1 } : {}) })
  const input = of.command === 'publish' ? await flow.onSchedule(things.schedule) : await onSlot()
  const names = new Map([[slot.id, 'slot']])
  for (const [name, thing] of Object.entries(things)) {
    names.set(thing.id, name).set((await flow.reviewOf(thing, 1))._id, name)
  }
  const archiving = await archivingOf(flow, of, slot.id, things)
  return {
    names,
    operations: {
      first: () => COMMANDS[of.command](services.first, CALLER, input),
      second: () => archiving(services.second),
    },
    check: (results, made) => expectRule(flow, of, { slot, things }, results, made),
  }
}

type Things = Record<Exclude<ArchiveCase['archived'], 'slot'>, Thing>
type Made = { slot: { id: string; code: string }; things: Things }

async function makeThings(flow: Workflow, { command, archived, published }: ArchiveCase): Promise<Made> {
  const fallback = await flow.approved(await flow.makeCreative())
  // Pinning a fallback writes the slot; without one nothing but the guard does.
  const slot = await flow.makeSlot({ fallback: archived === 'slot' ? [] : [fallback.id] })
  const inner = await flow.makeSegment()
  const segment = await flow.makeSegment({ constraint: { all: [{ segment: inner.id }] } })
  const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
  const creative = await flow.makeCreative()
  const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], strategy, slot: slot.id }))
  if (published || command === 'rollbackSlot') await flow.publish(schedule)
  if (command === 'rollbackSlot') await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
  return { slot, things: { creative, strategy, segment, 'inner segment': inner, fallback, schedule } }
}

async function archivingOf(flow: Workflow, { archived, unconfirmed }: ArchiveCase, slot: string, things: Things) {
  const confirmLive = !unconfirmed
  if (archived === 'slot') {
    const { expectedVersion } = await flow.onSlot(slot)
    return (services: Services) => archiveSlot(services, CALLER, { id: slot, expectedVersion, confirmLive })
  }
  const { type, id } = things[archived]
  const { version: expectedVersion } = await flow.head(things[archived])
  return (services: Services) => ARCHIVINGS[type](services, CALLER, { id, expectedVersion, confirmLive })
}

async function expectRule(
  flow: Workflow,
  { command, archived, published, unconfirmed }: ArchiveCase,
  { slot, things }: Made,
  { first, second }: Run['results'],
  made: Run['made'],
): Promise<void> {
  for (const result of [first, second]) {
    if (result.status === 'rejected') expect(codeOf(result.reason)).toMatch(/^(INVALID_STATE|CONFLICT)$/)
  }
  // Where it makes no difference any more who goes on, both go on freely: what is done then is not among the steps.
  const commits = made.filter(({ ends, answer }) => ends === 'commit' && answer === 'ok').map(({ side }) => side)
  const overrun = commits[0] === 'second'
  const [published_, archivedToo] = [first.status === 'fulfilled', second.status === 'fulfilled']
  const served = await flow.served(slot.code)
  if (unconfirmed && archivedToo) {
    // What is live is not archived without a confirmation, so what was archived was not live and did not become live.
    if (archived === 'slot') expect(served).toBeNull()
    else expect(JSON.stringify(served)).not.toContain(things[archived].id)
    return
  }
  if (unconfirmed) return expect(served).not.toBeNull()
  if (command === 'rollbackSlot') {
    // What is archived is left out, and the fallback remains.
    expect(published_).toBe(true)
    // The rollback writes the schedule as well: its archiving may find another version.
    if (archived !== 'schedule') expect(archivedToo).toBe(true)
    if (commits.length > 0) expect(JSON.stringify(served).includes(things[archived as 'creative'].id)).toBe(!overrun)
    return
  }
  // A schedule does not wait for a fallback: its slot is published without it.
  if (command === 'publish' && archived === 'fallback') {
    expect([published_, archivedToo]).toEqual([true, true])
    if (commits.length > 0) expect(pinsIn(served!).includes(`${things.fallback.id}@1`)).toBe(!overrun)
  } else if (published) {
    expect([published_, archivedToo]).toEqual([true, true])
    if (archived !== 'slot') expect(JSON.stringify(served)).toContain(things[archived].id)
  } else {
    expect([published_, archivedToo, overrun]).not.toEqual([true, true, true])
    expect(published_ || archivedToo).toBe(true)
    expect(served !== null).toBe(published_)
  }
}

/** Of what is no coded error it is thrown. */
function codeOf(error: unknown): unknown {
  if (!isExpected(error)) throw error
  return error.extensions.code
}

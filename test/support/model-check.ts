// Compares the platform with the model: the states and versions of everything, and what a node serves.

import { expect } from '@jest/globals'
import { type Model, type Pin, revisionText, type Served, servedIn } from './model.ts'
import type { World } from './model-world.ts'
import type { HeldSlot, Shown } from './serving-node.ts'

export function expectedStates({ things, submissions, slots }: Model): Record<string, string> {
  const states: Record<string, string> = {}
  for (const { name, kind, version, revisions, state, archived, delivery } of things.values()) {
    const delivered = kind === 'SCHEDULE' ? ` ${delivery}` : ''
    states[name] = `version ${version}, revision ${revisions.length} ${state}${delivered}${archived ? ' archived' : ''}`
    for (const [index, { review }] of revisions.entries()) {
      if (!review) continue
      const superseded = review.state === 'OPEN' && index + 1 < revisions.length
      states[revisionText(name, index + 1)] = `version ${review.version} ${superseded ? 'SUPERSEDED' : review.state}`
    }
  }
  for (const [name, { version }] of submissions) states[name] = `version ${version}`
  for (const [name, { version, archived }] of slots) states[name] = `version ${version}${archived ? ' archived' : ''}`
  return states
}

/** Checks that a node serves exactly the approved, published and not paused entries. Returns their number. */
export async function checkServed(model: Model, world: World): Promise<number> {
  let entries = 0
  for (const slot of model.slots.keys()) {
    const served = servedIn(model, slot)
    expect({ [slot]: await heldIn(world, slot) }).toEqual({ [slot]: served && asHeld(served) })
    await checkAnswers(world, slot, served)
    entries += served?.entries.length ?? 0
  }
  return entries
}

type Held = { revision: number; stopped: boolean; fallback: string[]; entries: string[] }

/** Each entry as `S1@1: C1@1 C2@3`. */
function asHeld({ revision, stopped, fallback, entries }: NonNullable<Served>): Held {
  const texts = entries.map(({ schedule, creatives }) => `${schedule}: ${[...creatives].sort().join(' ')}`)
  return { revision, stopped, fallback, entries: texts.sort() }
}

async function heldIn(world: World, slot: string): Promise<Held | null> {
  const held: (HeldSlot & { revision: number }) | null = await world.serves(slot)
  if (!held) return null
  const { revision, stopped, fallback, entries } = held
  const texts = entries.map((creatives) => {
    const [schedule] = new Set(creatives.map((shown) => scheduleText(world, shown)))
    return `${schedule}: ${creatives
      .map((shown) => creativeText(world, shown))
      .sort()
      .join(' ')}`
  })
  return { revision, stopped, fallback: fallback.map((shown) => creativeText(world, shown)), entries: texts.sort() }
}

/** Who gets an answer shows the strategies and segments: asks without a tag, with an unknown tag, and with the tag of each revision. */
async function checkAnswers(world: World, slot: string, served: Served): Promise<void> {
  const doors = new Set(served?.entries.flatMap((entry) => doorsOf(entry)))
  for (const tags of [[], [...doors], ...[...doors].map((door) => [door])]) {
    const [answer] = await world.ask(slot, `user of ${tags.join()}`, tags)
    const open = (served?.entries ?? []).filter(
      (entry) => !entry.strategy || doorsOf(entry).some((door) => tags.includes(door)),
    )
    const shown = answer!.creatives.map((one) => ({
      schedule: scheduleText(world, one),
      creative: creativeText(world, one),
    }))
    const seen = `${slot} for [${tags}]: ${answer!.reason}`
    if (!served || served.stopped) {
      expect([seen, shown]).toEqual([`${slot} for [${tags}]: ${served ? 'STOPPED' : 'UNKNOWN_SLOT'}`, []])
    } else if (open.length === 0) {
      const reason = served.fallback.length > 0 ? 'FALLBACK' : 'EMPTY'
      const fallback = served.fallback.map((creative) => ({ schedule: null, creative }))
      expect([seen, shown]).toEqual([`${slot} for [${tags}]: ${reason}`, fallback])
    } else {
      expect(seen).toBe(`${slot} for [${tags}]: MATCHED`)
      checkShown(open, shown)
    }
  }
}

/** Matches a user who has one of these tags. */
function doorsOf({ strategy, segments }: Pin): string[] {
  return strategy ? [strategy, ...segments] : []
}

type Pair = { schedule: string | null; creative: string }

/** Each schedule shows one of its creatives. It shows none only when other schedules show all of them. */
function checkShown(open: readonly Pin[], shown: readonly Pair[]): void {
  const creatives = shown.map(({ creative }) => creative.split('@')[0])
  expect(creatives).toEqual([...new Set(creatives)])
  const unseen = new Map(open.map((entry) => [entry.schedule as string | null, entry]))
  for (const { schedule, creative } of shown) {
    const entry = unseen.get(schedule)
    expect({ schedule, creative, shownBy: entry?.creatives ?? 'nobody, or a second time' }).toMatchObject({
      shownBy: expect.arrayContaining([creative]),
    })
    unseen.delete(schedule)
  }
  for (const entry of unseen.values()) {
    expect(creatives).toEqual(expect.arrayContaining(entry.creatives.map((text) => text.split('@')[0])))
  }
}

function scheduleText(world: World, { schedule }: Shown): string | null {
  return schedule && revisionText(world.nameOf(schedule.id), schedule.revision)
}

/** The title also names the revision. */
function creativeText(world: World, { creative, title }: Shown): string {
  const text = revisionText(world.nameOf(creative.id), creative.revision)
  return title === text ? text : `${text} with the content of ${title}`
}

// Whether a schedule that is put on the nodes will ever be shown: it can be over already, and then publishing it is mostly a
// mistake, but no harm.

import { type CompiledWindows, compileWindows } from '../../engine/decision/windows.ts'
import type { PublishedEntry } from '../../engine/publication/types.ts'

/** Each look goes on to the next change, or 400 days where none is near: more than forty years. */
const MOST_LOOKS = 40

/** What whoever publishes the entry at `now` (ms since the Unix epoch) should know; undefined when it will be shown. */
export function overWarning(entry: PublishedEntry, now: number): string | undefined {
  const what = `The schedule ${JSON.stringify(entry.schedule.id)}`
  const remedy = 'it will not be shown. Revise its times and publish it again, or withdraw it'
  if (entry.endsAt !== null && entry.endsAt <= now) {
    return `${what} is over since ${new Date(entry.endsAt).toISOString()}: ${remedy}`
  }
  if (opensFrom(compileWindows(entry), now)) return undefined
  return `${what} has times that never open again within its window: ${remedy}`
}

function opensFrom(windows: CompiledWindows, now: number): boolean {
  let at = Math.max(now, windows.startsAt)
  for (let looks = 0; looks < MOST_LOOKS && at < windows.endsAt; looks += 1) {
    if (windows.isOpen(at)) return true
    at = windows.nextChange(at)
  }
  return false
}

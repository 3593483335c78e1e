// Whether what is to be pinned goes together: segments that can stand in for their names, creatives that fit their slot.
// Each was checked when it was written, but the revisions that are pinned together may never have been seen together.

import { AlkaidError, invalidState } from '../../common/base/errors.ts'
import { formatMistakes } from '../../common/formats/format.ts'
import { checkInlined } from '../../engine/targeting/segments.ts'
import type { CreativeContent } from '../creative/repository.ts'
import type { Slot } from '../schedule/repository.ts'
import type { Choice } from './choose.ts'

/**
 * INVALID_STATE names the segments that name each other; LIMIT_EXCEEDED says which limit they pass together.
 *
 * @param which revisions these are, as people read it.
 */
export function refuseUninlined(
  { entry, constraint, segments }: Pick<Choice, 'entry' | 'constraint' | 'segments'>,
  which = 'newest approved',
): void {
  if (!constraint) return
  const checked = checkInlined(constraint, (id) => segments.get(id)?.constraint)
  if (checked.ok) return
  const what = `At the ${which} revisions the strategy ${JSON.stringify(entry.strategy?.id)} ${checked.message}`
  const remedy = 'it takes another revision of the strategy, or of one of the segments'
  throw new AlkaidError(checked.reason === 'LIMIT' ? 'LIMIT_EXCEEDED' : 'INVALID_STATE', `${what}: ${remedy}`)
}

/** INVALID_STATE names each creative that does not fit the format of the slot, and why. */
export function refuseMisfits(slot: Slot, creatives: ReadonlyMap<string, CreativeContent>): void {
  const misfits = [...creatives].flatMap(([creative, content]) => {
    const mistakes = formatMistakes(slot.format, content)
    return mistakes.length === 0 ? [] : [{ creative, mistakes }]
  })
  if (misfits.length === 0) return
  const list = misfits.map(
    ({ creative, mistakes }) => `the creative ${JSON.stringify(creative)} ${mistakes.join(', ')}`,
  )
  const message = `Approved revisions do not fit the format of the slot ${JSON.stringify(slot.code)}: ${list.join('; ')}`
  throw invalidState(message, { misfits })
}

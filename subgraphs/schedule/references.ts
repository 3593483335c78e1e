// Whatever a slot or schedule names must exist, in the same app. What is another app's is as if it did not exist.

import { badInput } from '../../common/errors.ts'
import type { Tx } from '../../common/store/rows.ts'
import { creatives } from '../creative/repository.ts'
import { strategies } from '../strategy/repository.ts'
import { slots } from './repository.ts'

/** Where something is named that does not exist. */
export type Missing = { path: string; message: string }

/** BAD_USER_INPUT that names everything missing, when something is. */
export function refuseMissing([first, ...more]: readonly Missing[]): void {
  if (first) throw badInput(first.path, first.message, more)
}

export async function missingSlot(tx: Tx, app: string, id: string, path: string): Promise<Missing[]> {
  return missing('slot', app, [id], await slots.byIds(tx, [id]), () => path)
}

export async function missingStrategy(tx: Tx, app: string, id: string | null, path: string): Promise<Missing[]> {
  if (id === null) return []
  return missing('strategy', app, [id], [await strategies.get(tx, id)], () => path)
}

export async function missingCreatives(
  tx: Tx,
  app: string,
  ids: readonly string[],
  path: (index: number) => string,
): Promise<Missing[]> {
  if (ids.length === 0) return []
  return missing('creative', app, ids, await creatives.byIds(tx, ids), path)
}

function missing(
  what: string,
  app: string,
  ids: readonly string[],
  found: readonly ({ app: string } | null)[],
  path: (index: number) => string,
): Missing[] {
  return ids.flatMap((id, index) =>
    found[index]?.app === app
      ? []
      : [{ path: path(index), message: `there is no ${what} ${JSON.stringify(id)} in app ${JSON.stringify(app)}` }],
  )
}

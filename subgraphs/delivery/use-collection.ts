// Brings the reports of uses of operations from the channel to the store, every few seconds. Nodes write to the channel only.
// Several processes may do this at once: a report that is stored twice counts once.

import { createUseStore } from '../../common/apps/operation-uses.ts'
import type { Services } from '../../common/command/services.ts'

const EVERY_MS = 10_000

/** `stop` collects once more. */
export type UseCollection = { stop(): Promise<void> }

export function startUseCollection(
  services: Services,
  { everyMs = EVERY_MS }: { everyMs?: number } = {},
): UseCollection {
  const useStore = createUseStore(services)
  let stopped = false
  let collecting: Promise<void> = Promise.resolve()
  let timer = schedule()

  function schedule(): NodeJS.Timeout {
    return setTimeout(async () => {
      collecting = useStore.collect()
      await collecting
      if (!stopped) timer = schedule()
    }, everyMs).unref()
  }

  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await collecting
      await useStore.collect() // nodes in this process have ended, and the channel in process ends with it
    },
  }
}

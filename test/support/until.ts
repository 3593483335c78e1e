// Waiting for something that happens on its own time.

import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves once `done` says so; fails after `within` ms, naming what was awaited. */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  { within = 5_000 }: { within?: number } = {},
): Promise<void> {
  const deadline = Date.now() + within
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`Waited ${within} ms in vain until ${what}.`)
    await sleep(5)
  }
}

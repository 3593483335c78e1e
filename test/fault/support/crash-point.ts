// Stops a mutation at a chosen database command, kills something there, and lets nothing of that command pass.

import type { Command, Gate } from '../../support/mongo-proxy.ts'

/** `before`: the command never reaches the database. `after`: the database has done it, and its answer is lost. */
export type CrashPoint = { at: number | 'commitTransaction'; when: 'before' | 'after' }

export type CrashGate = Gate & {
  /** Counts from 1 from here on. `crash` runs once, at this point. */
  arm(point: CrashPoint, crash: () => Promise<unknown>): void
  /** Resolves with whether the point was reached. Nothing happens there any more. */
  disarm(): Promise<boolean>
  /** The names of the commands since `arm` or `listen`. */
  readonly commands: readonly string[]
  listen(): void
}

export function createCrashGate(): CrashGate {
  let armed: { point: CrashPoint; crash: () => Promise<unknown> } | undefined
  let crashing: Promise<unknown> | undefined
  let commands: string[] = []
  /** The command whose answer is lost. */
  let last: Command | undefined

  const nameOf = (command: Command) => Object.keys(command)[0]!
  const isAt = ({ at }: CrashPoint, command: Command) => at === commands.length || at === nameOf(command)

  async function lose(crash: () => Promise<unknown>): Promise<never> {
    armed = undefined
    crashing = crash()
    await crashing
    throw new Error('the connection ends here')
  }

  return {
    async before(command) {
      commands.push(nameOf(command))
      if (!armed || !isAt(armed.point, command)) return
      if (armed.point.when === 'before') await lose(armed.crash)
      else last = command
    },
    async after(command) {
      if (armed && command === last) await lose(armed.crash)
    },
    arm(point, crash) {
      commands = []
      last = undefined
      crashing = undefined
      armed = { point, crash }
    },
    async disarm() {
      armed = undefined
      await crashing
      return crashing !== undefined
    },
    get commands() {
      return commands
    },
    listen() {
      commands = []
      armed = undefined
    },
  }
}

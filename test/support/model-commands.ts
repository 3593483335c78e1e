// The commands that fast-check runs. Each command acts on the platform and on the model, and then compares them.

import { expect } from '@jest/globals'
import fc from 'fast-check'
import { emptyModel, type Kind, type Model, rememberPublications, type Uses } from './model.ts'
import { checkServed, expectedStates } from './model-check.ts'
import { NOTHING, ruleFor, type Step } from './model-rules.ts'
import { COMMANDS, type CommandName, type Draw, stepFor, versionFor } from './model-steps.ts'
import { type ModelPlatform, openWorld, type World } from './model-world.ts'

/** The platform of one run, and what has happened in the run. */
export type Run = { world: World; trace: string[]; tally: Tally }

/** The results of the commands of all runs (`publish`, `publish INVALID_STATE`, ... -> how often), and the number of served entries. */
export type Tally = { outcomes: Map<string, number>; entries: number }

/** How often each command is drawn. Commands that bring something new to the nodes come most often, and commands that end things rarely. */
const WEIGHTS: Record<CommandName, number> = {
  ...{
    createCreative: 3,
    createSegment: 3,
    createStrategy: 3,
    createSchedule: 8,
    archive: 3,
    archiveUsed: 5,
    unarchive: 3,
  },
  ...{ revise: 6, reviseInReview: 8, revisePinned: 12 },
  ...{ submit: 24, recall: 4, approve: 30, reject: 3, approveOne: 12, rejectOne: 4 },
  ...{
    publish: 40,
    publishArchived: 24,
    pause: 16,
    resume: 10,
    resumePaused: 24,
    withdraw: 6,
    revoke: 4,
    revokePaused: 10,
  },
  ...{
    updateSlot: 2,
    archiveSlot: 2,
    unarchiveSlot: 8,
    publishSlot: 4,
    rollbackSlot: 10,
    rollbackFar: 10,
    takeDown: 2,
    stop: 2,
    restart: 12,
  },
}

const UNPUBLISHED = { revision: 0, pinnedFallback: [] }

/** true in this many of 100 cases. */
const often = (chance: number) => fc.nat(99).map((drawn) => drawn < chance)

const draw: fc.Arbitrary<Draw> = fc.record({
  fitting: often(75),
  stale: often(4),
  target: fc.nat(999),
  by: fc.nat(999),
  uses: fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99)),
})

/** Lists of at most this many commands. */
export function commandLists(maxCommands: number) {
  const names = Object.keys(COMMANDS) as CommandName[]
  const arbitraries = names.flatMap((name) =>
    Array(WEIGHTS[name]).fill(fc.noBias(draw).map((drawn) => new Command(name, drawn))),
  )
  return fc.commands<Model, Run, false>(arbitraries, { maxCommands, size: 'max' })
}

/** Every run begins with this: two slots, and an approved thing of each kind. */
export async function begin(platform: ModelPlatform, tally: Tally): Promise<{ model: Model; real: Run }> {
  const model = emptyModel()
  const real: Run = { world: await openWorld(platform), trace: [], tally }
  const make = (content: string, kind: Kind, more: Partial<Uses> = {}, slot: string | null = null) => {
    const uses = { creatives: [], strategy: null, segments: [], ...more }
    return perform(model, real, { does: 'create', content, kind, slot, uses, by: 'admin-1' })
  }
  for (const content of ['C1@1', 'C2@1']) await make(content, 'CREATIVE')
  for (const [name, fallback] of Object.entries({ X: ['C1'], Y: ['C1', 'C2'] })) {
    await real.world.makeSlot(name, fallback)
    model.slots.set(name, { version: 1, archived: false, fallback, stopped: false, ...UNPUBLISHED, past: new Map() })
  }
  await make('G1@1', 'SEGMENT')
  await make('T1@1', 'STRATEGY', { segments: ['G1'] })
  await make('S1@1', 'SCHEDULE', { creatives: ['C1', 'C2'], strategy: 'T1' }, 'X')
  await perform(model, real, { does: 'submit', thing: 'S1', by: 'admin-2' })
  await perform(model, real, { does: 'approve', submission: 'B1', by: 'admin-3' })
  return { model, real }
}

class Command implements fc.AsyncCommand<Model, Run> {
  readonly name: CommandName
  readonly draw: Draw

  constructor(name: CommandName, draw: Draw) {
    this.name = name
    this.draw = draw
  }

  check = (model: Readonly<Model>) => stepFor(model, this.name, this.draw) !== undefined

  async run(model: Model, run: Run): Promise<void> {
    const step = stepFor(model, this.name, this.draw)!
    const version = versionFor(model, step)
    const stale = this.draw.stale && version !== undefined ? staleFor(version, this.draw) : undefined
    const code = await perform(model, run, step, stale)
    const outcome = code === null ? this.name : `${this.name} ${code}`
    run.tally.outcomes.set(outcome, (run.tally.outcomes.get(outcome) ?? 0) + 1)
  }

  toString = () => `${this.name}(${JSON.stringify(this.draw)})`
}

/** Runs the command on both sides and compares them. Returns the code of the expected failure; null: it succeeded. */
async function perform(model: Model, { world, trace, tally }: Run, step: Step, stale?: number): Promise<string | null> {
  const rule = stale === undefined ? ruleFor(model, step) : 'CONFLICT'
  const expected = typeof rule === 'function' || rule === NOTHING ? null : rule
  trace.push(`${trace.length + 1}. ${describe(step)}${stale ? ', with a stale version' : ''}: ${expected ?? 'done'}`)
  try {
    const { code, changed, logged, expectedLog } = await world.perform(step, stale ?? versionFor(model, step))
    const expectedChange =
      typeof rule === 'function' ? { changed: true, logged: [expectedLog] } : { changed: false, logged: [] }
    expect({ code, changed, logged }).toEqual({ code: expected, ...expectedChange })
    if (typeof rule === 'function') rule()
    rememberPublications(model)
    expect(world.states()).toEqual(expectedStates(model))
    tally.entries += await checkServed(model, world)
    return expected
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\nThis is what was done:\n${trace.join('\n')}`, { cause: error })
  }
}

function staleFor(version: number, { target }: Draw): number {
  return version > 1 && target % 2 === 0 ? version - 1 : version + 1
}

/** As text: `revise S1@2 in X with C1 C2 T1, by admin-1`. */
function describe(step: Step): string {
  const { does, by } = step
  if (!('uses' in step)) {
    const target =
      'thing' in step ? step.thing : 'slot' in step ? step.slot : 'review' in step ? step.review : step.submission
    return `${does} ${target}${'to' in step ? ` to ${step.to}` : ''}, by ${by}`
  }
  const { creatives, strategy, segments } = step.uses
  const where = step.does === 'create' && step.slot ? ` in ${step.slot}` : ''
  const used = [...creatives, ...(strategy ? [strategy] : []), ...segments].join(' ')
  return `${does} ${step.content}${where}${used ? ` with ${used}` : ''}, by ${by}`
}

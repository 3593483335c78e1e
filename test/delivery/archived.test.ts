// The rule of what is archived, at every step of every command: it is used in nothing new, and what is live stays live. For
// each kind of thing, never published and published, what each command makes of it once it is archived.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { describeEachStore } from '../support/stores.ts'
import { type MutationName, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const KINDS = ['creative', 'fallback', 'strategy', 'segment', 'inner segment', 'slot', 'schedule'] as const
type Kind = (typeof KINDS)[number]
type State = 'never published' | 'live'

/** A command that is tried; it answers what is worth looking at. */
type Try = (scene: Scene) => Promise<unknown>
type Scene = Record<'creative' | 'fallback' | 'strategy' | 'segment' | 'inner segment' | 'schedule', Thing> & {
  slot: { id: string; code: string }
}

const [BAD, STATE] = ['BAD_USER_INPUT', 'INVALID_STATE'] as const

const PUBLISHING = {
  ...{ 'publish the schedule': STATE, 'publish the schedule anew': STATE },
  ...{ 'pause and resume the schedule': STATE, 'bring the schedule back after a withdrawal': STATE },
}

const NAMING = {
  ...{ 'book it in another slot': BAD, 'copy the schedule': BAD, 'copy the schedule into another slot': BAD },
  ...{ 'make a strategy': BAD, 'make a segment': BAD },
}

describeEachStore('Archived things', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  const run = (name: MutationName, input: object) => flow.run(name, 'admin', { ...input })
  const on = (scene: Scene) => flow.onSchedule(scene.schedule)
  const booking = (creative: Thing, strategy: Thing) => ({
    name: 'Another',
    creatives: [{ creative: creative.id }],
    strategy: strategy.id,
  })
  const book = async (content: object, slot?: string) =>
    run('createSchedule', { app: flow.app, slot: slot ?? (await flow.makeSlot()).id, content })
  const duplicate = async ({ schedule }: Scene, slot?: string) => {
    const { version: expectedVersion } = await flow.head(schedule)
    return run('duplicateSchedule', { id: schedule.id, expectedVersion, slot })
  }
  const update = async ({ slot }: Scene, change: object) => {
    const { expectedVersion } = await flow.onSlot(slot.id)
    return run('updateSlot', { id: slot.id, expectedVersion, ...change })
  }
  const named = (scene: Scene) => ({ name: 'Another', constraint: { not: { segment: scene.segment.id } } })

  /** In this order: what comes later may rest on what came before. */
  const TRIES: Record<string, Try> = {
    'book it in another slot': ({ creative, strategy }) => book(booking(creative, strategy)),
    'book in its slot': async ({ slot }) =>
      book(booking(await flow.makeCreative(), await flow.makeStrategy()), slot.id),
    'copy the schedule': (scene) => duplicate(scene),
    'copy the schedule into another slot': async (scene) => duplicate(scene, (await flow.makeSlot()).id),
    'make a strategy': (scene) => run('createStrategy', { app: flow.app, content: named(scene) }),
    'make a segment': (scene) => run('createSegment', { app: flow.app, content: named(scene) }),
    'make a slot': ({ creative, fallback }) => flow.makeSlot({ fallback: [creative.id, fallback.id] }),
    'update the slot': async (scene) =>
      update(scene, { fallback: [scene.fallback.id, (await flow.approved(await flow.makeCreative())).id] }),
    'preview the schedule': async ({ schedule, slot }) => {
      const text = `query ($app: ID!, $slot: String!, $include: [ID!]) {
        preview(app: $app, slot: $slot, include: $include) { schedules { included archived } } }`
      const asked = { app: flow.app, slot: slot.code, include: [schedule.id] }
      return (await flow.subgraphs.delivery.must('viewer', text, asked)).schedules
    },
    'publish the schedule': async (scene) => run('publish', await on(scene)),
    'revise the schedule': ({ schedule }) => flow.revise(schedule, { priority: 7 }),
    'submit the schedule': ({ schedule }) => flow.approved(schedule),
    'publish the schedule anew': async (scene) => run('publish', await on(scene)),
    'pause and resume the schedule': async (scene) => {
      await run('pause', await on(scene))
      await run('resume', await on(scene))
    },
    'publish the slot': async ({ slot }) => run('publishSlot', await flow.onSlot(slot.id)),
    'stop and restart the slot': async ({ slot }) => {
      await run('stopSlot', await flow.onSlot(slot.id))
      await run('restartSlot', await flow.onSlot(slot.id))
    },
    'bring the schedule back after a withdrawal': async (scene) => {
      await run('withdraw', await on(scene))
      await run('publish', await on(scene))
    },
  }

  /** Of what is refused the code; everything else succeeds. `never published` and `live` are of the schedule and its slot. */
  const REFUSED: Record<Kind, Record<State, Record<string, string>>> = {
    creative: {
      'never published': {
        ...{ 'book it in another slot': BAD, 'copy the schedule': BAD, 'copy the schedule into another slot': BAD },
        ...{ 'make a slot': BAD, 'submit the schedule': STATE, ...PUBLISHING },
      },
      live: {
        ...{ 'book it in another slot': BAD, 'copy the schedule': BAD, 'copy the schedule into another slot': BAD },
        ...{ 'make a slot': BAD, 'bring the schedule back after a withdrawal': STATE },
      },
    },
    fallback: {
      'never published': { 'make a slot': BAD, 'publish the slot': STATE },
      live: { 'make a slot': BAD },
    },
    strategy: {
      'never published': {
        ...{ 'book it in another slot': BAD, 'copy the schedule': BAD, 'copy the schedule into another slot': BAD },
        ...{ 'submit the schedule': STATE, ...PUBLISHING },
      },
      live: {
        ...{ 'book it in another slot': BAD, 'copy the schedule': BAD, 'copy the schedule into another slot': BAD },
        'bring the schedule back after a withdrawal': STATE,
      },
    },
    segment: {
      'never published': { ...NAMING, 'submit the schedule': STATE, ...PUBLISHING },
      live: { ...NAMING, 'bring the schedule back after a withdrawal': STATE },
    },
    'inner segment': {
      'never published': { ...NAMING, 'submit the schedule': STATE, ...PUBLISHING },
      live: { ...NAMING, 'bring the schedule back after a withdrawal': STATE },
    },
    slot: {
      'never published': {
        ...{
          'book in its slot': BAD,
          'copy the schedule': BAD,
          'update the slot': STATE,
          'submit the schedule': STATE,
        },
        ...{ ...PUBLISHING, 'publish the slot': STATE, 'stop and restart the slot': STATE },
      },
      live: {
        ...{ 'book in its slot': BAD, 'copy the schedule': BAD, 'update the slot': STATE },
        'bring the schedule back after a withdrawal': STATE,
      },
    },
    schedule: {
      'never published': { 'revise the schedule': STATE, 'submit the schedule': STATE, ...PUBLISHING },
      live: {
        ...{ 'revise the schedule': STATE, 'submit the schedule': STATE },
        ...{ 'publish the schedule': STATE, 'publish the schedule anew': STATE },
        'bring the schedule back after a withdrawal': STATE,
      },
    },
  }

  async function setScene(state: State): Promise<Scene> {
    const fallback = await flow.approved(await flow.makeCreative())
    const slot = await flow.makeSlot({ fallback: [fallback.id] })
    const inner = await flow.makeSegment()
    const segment = await flow.makeSegment({ constraint: { any: [{ segment: inner.id }] } })
    const strategy = await flow.makeStrategy({ constraint: { not: { segment: segment.id } } })
    const creative = await flow.makeCreative()
    const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], strategy, slot: slot.id }))
    if (state === 'live') await flow.publish(schedule)
    return { creative, fallback, strategy, segment, 'inner segment': inner, schedule, slot }
  }

  async function archive(scene: Scene, kind: Kind): Promise<void> {
    if (kind === 'slot') {
      const { expectedVersion } = await flow.onSlot(scene.slot.id)
      return run('archiveSlot', { id: scene.slot.id, expectedVersion, confirmLive: true })
    }
    const { type, id } = scene[kind]
    const { version: expectedVersion } = await flow.head(scene[kind])
    const name = `archive${type[0]}${type.slice(1).toLowerCase()}` as MutationName
    await run(name, { id, expectedVersion, confirmLive: true })
  }

  /** What came of each: the code with which it was refused, else `done`. */
  async function tryAll(scene: Scene): Promise<{ outcomes: Record<string, string>; answers: Record<string, unknown> }> {
    const outcomes: Record<string, string> = {}
    const answers: Record<string, unknown> = {}
    for (const [name, attempt] of Object.entries(TRIES)) {
      try {
        answers[name] = await attempt(scene)
        outcomes[name] = 'done'
      } catch (error) {
        const [, code] = /^([A-Z_]+): /.exec((error as Error).message) ?? []
        if (!code) throw error
        outcomes[name] = code
      }
    }
    return { outcomes, answers }
  }

  describe.each(KINDS)('%s', (kind) => {
    test.each(['never published', 'live'] as const)('that is archived while %s', async (state) => {
      const scene = await setScene(state)
      await archive(scene, kind)
      const { outcomes, answers } = await tryAll(scene)
      const refused = REFUSED[kind][state]
      const expected = Object.keys(TRIES).map((name) => [name, refused[name] ?? 'done'])
      expect(outcomes).toEqual(Object.fromEntries(expected))

      const [previewed] = answers['preview the schedule'] as { included: boolean; archived: string[] }[]
      const isSaid = kind === 'schedule' || (state === 'never published' && kind !== 'fallback')
      expect(previewed).toEqual({ included: true, archived: isSaid ? [scene[kind].id] : [] })
    })
  })

  test('a submission made before the archival can still be approved', async () => {
    const scene = await setScene('never published')
    await flow.revise(scene.schedule, { priority: 7 })
    const id = await flow.submit(scene.schedule)
    await archive(scene, 'creative')
    await flow.approve(id)
    expect((await flow.failure('publish', 'publisher', await on(scene))).code).toBe(STATE)
  })

  test('the error names everything that is archived, and what to do', async () => {
    const scene = await setScene('never published')
    for (const kind of ['creative', 'strategy', 'inner segment', 'slot'] as const) await archive(scene, kind)
    const ids = [scene.slot, scene.creative, scene.strategy, scene['inner segment']].map(({ id }) => id)
    const { message, extensions } = await flow.failure('publish', 'publisher', await on(scene))
    expect(extensions.archived).toEqual(ids)
    for (const id of ids) expect(message).toContain(id)
    expect(message).toContain('use something else')
  })

  test('the first publication of a slot leaves an archived fallback out, and later ones do', async () => {
    const scene = await setScene('never published')
    await archive(scene, 'fallback')
    await flow.publish(scene.schedule)
    expect(await flow.served(scene.slot.code)).toMatchObject({ fallback: [], entries: [{}] })
    const published = await setScene('live')
    await archive(published, 'fallback')
    await run('publishSlot', await flow.onSlot(published.slot.id))
    expect(await flow.served(published.slot.code)).toMatchObject({ fallback: [{ id: published.fallback.id }] })
  })

  test('a slot that was stopped before it was ever published keeps its fallback, archived or not', async () => {
    const fallback = await flow.approved(await flow.makeCreative())
    const slot = await flow.makeSlot({ fallback: [fallback.id] })
    await run('stopSlot', await flow.onSlot(slot.id))
    await archive({ fallback, slot } as unknown as Scene, 'fallback')
    await run('restartSlot', await flow.onSlot(slot.id))
    expect(await flow.served(slot.code)).toMatchObject({ stopped: false, fallback: [{ id: fallback.id }] })
  })

  test('a live creative that is archived can be published at another revision', async () => {
    const creative = await flow.makeCreative()
    const { schedule, slot } = await flow.makeLive({ creatives: [creative] })
    await flow.revise(creative, { title: 'Anew' })
    await flow.approved(creative)
    await archive({ creative } as unknown as Scene, 'creative')
    await flow.publish(schedule)
    expect((await flow.served(slot.code))!.entries[0]!.creatives).toMatchObject([{ id: creative.id, revision: 2 }])
  })

  test('a strategy takes the archived segments of the one that it comes in place of', async () => {
    const scene = await setScene('live')
    const other = await flow.makeStrategy({ constraint: { all: [{ segment: scene.segment.id }] } })
    await archive(scene, 'inner segment')
    await flow.revise(scene.schedule, { strategy: other.id })
    const { code } = await flow.failure('createSchedule', 'operator', {
      app: flow.app,
      slot: scene.slot.id,
      content: booking(scene.creative, other),
    })
    expect(code).toBe(BAD)
  })
})

// Random commands on one app, most of them on what a glance at the database says is ripe for them, some on anything:
// things archived, revised, decided or revoked meanwhile, by people who also review, and with versions that are stale by
// the time they arrive.

import { reviews } from '../../subgraphs/audit/repository.ts'
import type { SchedulePin } from '../../subgraphs/delivery/repository.ts'
import { type Schedule, slots } from '../../subgraphs/schedule/repository.ts'
import type { MutationName, Thing, Workflow } from './workflow.ts'

type Kind = Thing['type']
type Prepared = [MutationName, string, object]

const LEAF = { dimension: 'tags', operator: 'IN', values: ['new'] }
const NAMES = { SCHEDULE: 'Schedule', CREATIVE: 'Creative', STRATEGY: 'Strategy', SEGMENT: 'Segment' } as const
const KINDS = ['SCHEDULE', 'SCHEDULE', 'CREATIVE', 'STRATEGY', 'SEGMENT'] as const
/** How often a command is on what it suits. */
const SENSE = 0.8

/** Makes the app's first things. What it answers does one command, and answers its name and its code, or `ok`. */
export async function startStorm(flow: Workflow, random: () => number): Promise<() => Promise<[string, string]>> {
  const { app, store } = flow
  const things: Record<Kind, Thing[]> = { SCHEDULE: [], CREATIVE: [], STRATEGY: [], SEGMENT: [] }
  const slotIds = [flow.slot.id, (await flow.makeSlot()).id]
  const submissions: string[] = []

  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  /** One of the newest few, so that they meet. */
  const recent = <T>(items: readonly T[]): T => pick(items.slice(-6))
  const some = (kind: Kind) => recent(things[kind])
  const anything = () => some(pick(KINDS))
  const by = (...roles: string[]) => `${pick(roles)}-${pick(['1', '2', '3'])}`

  const constraint = () => pick([LEAF, LEAF, { segment: some('SEGMENT').id }, { not: { segment: some('SEGMENT').id } }])
  const booked = () => [...new Set([some('CREATIVE').id, some('CREATIVE').id])].map((creative) => ({ creative }))
  const contents: Record<Kind, () => object> = {
    SCHEDULE: () => ({ name: 'S', creatives: booked(), strategy: random() < 0.4 ? some('STRATEGY').id : null }),
    CREATIVE: () => ({ name: 'C', title: `${random()}` }),
    STRATEGY: () => ({ name: 'T', constraint: constraint() }),
    SEGMENT: () => ({ name: 'G', constraint: constraint() }),
  }

  async function on(thing: Thing): Promise<object> {
    return { id: thing.id, expectedVersion: (await flow.head(thing)).version }
  }
  async function onSlot(): Promise<{ id: string; expectedVersion: number }> {
    const { _id: id, version: expectedVersion } = await slots.require(store, pick(slotIds))
    return { id, expectedVersion }
  }
  /** A schedule that fits the filter, most of the time. */
  async function schedule(filter: object): Promise<Thing> {
    const found = random() < SENSE ? await store.collection<Schedule>('schedules').find({ app, ...filter }) : []
    return found.length > 0 ? { type: 'SCHEDULE', id: pick(found)._id } : some('SCHEDULE')
  }
  /** A submission in which something waits, most of the time. */
  async function submitted(): Promise<string> {
    const waiting = random() < SENSE ? await reviews.openPage(store, app, {}, { limit: 100 }) : []
    return waiting.length > 0 ? pick(pick(waiting).submissions) : recent(submissions)
  }

  /** The review of something that is pinned, most of the time. */
  async function approval(): Promise<object> {
    const found = random() < SENSE ? await store.collection<SchedulePin>('pins').find({ app }) : []
    const pinned = found.flatMap(({ schedule, creatives, segments }) => [
      ...creatives,
      ...creatives,
      ...segments,
      schedule,
    ])
    const [review] = pinned.length > 0 ? await reviews.at(store, [pick(pinned)]) : [await flow.reviewOf(anything())]
    return { review: review!._id, expectedVersion: review!.version }
  }

  const create = (kind: Kind) => async (): Promise<Prepared> => {
    const where = kind === 'SCHEDULE' ? { slot: pick(slotIds) } : {}
    return [`create${NAMES[kind]}`, by('operator', 'admin'), { app, content: contents[kind](), ...where }]
  }
  const deliver =
    (name: 'publish' | 'pause' | 'resume' | 'withdraw', filter: object) => async (): Promise<Prepared> => [
      name,
      by('publisher'),
      await flow.onSchedule(await schedule(filter)),
    ]
  const inSlot = (name: 'publishSlot' | 'stopSlot' | 'restartSlot') => async (): Promise<Prepared> => {
    const { id: slot, expectedVersion } = await onSlot()
    return [name, by('publisher'), { slot, expectedVersion }]
  }
  const submit = async (): Promise<Prepared> => {
    const thing = random() < SENSE ? await schedule({ reviewState: 'DRAFT' }) : anything()
    return ['submitForReview', by('operator', 'admin'), await flow.submission(thing)]
  }
  const approve = async (): Promise<Prepared> => [
    'approve',
    by('reviewer', 'admin'),
    await flow.onAll(await submitted()),
  ]
  const reject = async (): Promise<Prepared> => {
    const input = await flow.onAll(await submitted(), { comment: 'No' })
    return ['reject', by('reviewer', 'admin'), input]
  }
  const revise = async (): Promise<Prepared> => {
    const thing = anything()
    return [
      `revise${NAMES[thing.type]}`,
      by('operator', 'admin'),
      { ...(await on(thing)), content: contents[thing.type]() },
    ]
  }
  const publish = deliver('publish', { reviewState: 'APPROVED' })
  const withdraw = deliver('withdraw', { deliveryState: { $in: ['LIVE', 'PAUSED'] } })

  const commands: (() => Promise<Prepared>)[] = [
    ...(['SCHEDULE', 'SCHEDULE', 'CREATIVE', 'STRATEGY', 'SEGMENT'] as const).map(create),
    ...[revise, revise, revise, submit, submit, submit, submit, approve, approve, approve, approve],
    ...[publish, publish, publish, publish, publish],
    deliver('pause', { deliveryState: 'LIVE' }),
    deliver('resume', { deliveryState: 'PAUSED' }),
    async () => (random() < 0.8 ? withdraw() : publish()),
    ...(['publishSlot', 'stopSlot', 'restartSlot'] as const).map(inSlot),
    ...[reject, reject],
    async () => ['recallSubmission', by('operator', 'admin'), await flow.onAll(await submitted())],
    async () => ['revokeApproval', by('publisher'), { ...(await approval()), reason: 'It was a mistake' }],
    async () => ['duplicateSchedule', by('operator'), { ...(await on(some('SCHEDULE'))), slot: pick(slotIds) }],
    async () => {
      const thing = anything()
      return [`archive${NAMES[thing.type]}`, by('operator'), await on(thing)]
    },
    async () => {
      const change = pick([{ fallback: [some('CREATIVE').id] }, { fallback: null }, { capacity: pick([1, 2, 3]) }])
      return ['updateSlot', by('operator'), { ...(await onSlot()), ...change }]
    },
    async () => ['createSlot', by('operator'), { app, code: pick(['one', 'two', flow.freshCode()]), name: 'A slot' }],
    async () => ['archiveSlot', by('operator'), { id: (await flow.makeSlot()).id, expectedVersion: pick([1, 2]) }],
  ]

  /** A command whose input can be made; another where a thing has no review, or nothing was submitted. */
  async function prepare(): Promise<Prepared> {
    for (let tries = 0; tries < 50; tries++) {
      try {
        return await pick(commands)()
      } catch (error) {
        if (!(error as Error).message.includes('There is no ')) throw error
      }
    }
    throw new Error('Fifty times no command could be made')
  }

  for (let made = 0; made < 3; made++) {
    things.SEGMENT.push(await flow.makeSegment())
    things.CREATIVE.push(await flow.makeCreative())
    things.STRATEGY.push(await flow.makeStrategy({ constraint: constraint() }))
    const booking = { creatives: things.CREATIVE, strategy: things.STRATEGY[made]!, slot: pick(slotIds) }
    things.SCHEDULE.push(await flow.makeSchedule(booking))
    submissions.push(await flow.submit(things.SCHEDULE[made]!))
  }

  return async () => {
    const [name, actor, input] = await prepare()
    try {
      const { id } = await flow.run(name, actor, input as never)
      const kind = KINDS.find((kind) => name === `create${NAMES[kind]}` || name === `duplicate${NAMES[kind]}`)
      if (kind) things[kind].push({ type: kind, id })
      if (name === 'submitForReview') submissions.push(id)
      return [name, 'ok']
    } catch (error) {
      const { message } = error as Error
      return [name, /^[A-Z_]+(?=: )/.exec(message)?.[0] ?? message]
    }
  }
}

// An app with a slot, and everything that plans, reviews and publishes in it: for tests of audit and delivery. Actors
// are called `<role>` or `<role>-<anything>`; versions are looked up, so that a test names one only where it matters.

import type { Channel } from '../../common/channel/channel.ts'
import type { Services } from '../../common/command/services.ts'
import type { Store } from '../../common/store/store.ts'
import { openAt, type SigningKeys } from '../../engine/publication/sign.ts'
import { type Publication, pinText } from '../../engine/publication/types.ts'
import { audit } from '../../subgraphs/audit/app.ts'
import { type Review, reviews, type SubjectKind, submissions } from '../../subgraphs/audit/repository.ts'
import { subjectRepositories } from '../../subgraphs/audit/subjects.ts'
import { creative } from '../../subgraphs/creative/app.ts'
import { delivery } from '../../subgraphs/delivery/app.ts'
import { publications, slotHeads } from '../../subgraphs/delivery/repository.ts'
import { schedule } from '../../subgraphs/schedule/app.ts'
import { slots } from '../../subgraphs/schedule/repository.ts'
import { strategy } from '../../subgraphs/strategy/app.ts'
import { fakeClock, startTestSubgraph, type TestSubgraph, testServices } from './subgraphs.ts'

export type Thing = { type: SubjectKind; id: string }
export type Failure = { code: unknown; message: string; extensions: Record<string, unknown> }
type Content = Record<string, unknown>
type Input = Record<string, unknown>

export type Workflow = Awaited<ReturnType<typeof startWorkflow>>

const SUBMISSION = `id version note submittedBy reviews { id version state hash subject {
  ... on ScheduleRevision { id revision } ... on CreativeRevision { id revision } ... on StrategyRevision { id revision }
  ... on SegmentRevision { id revision } } }`
const PUBLICATION = `id epoch revision publishedBy fallback { id revision }
  entries { schedule { id revision } creatives { id revision } strategy { id revision } segments { id revision } }`

const TAKEDOWN = `id reason takenDownBy takenDownAt droppedAt creatives { id } schedules { id } reviews { id }
  publications { ${PUBLICATION} slot { id } }`
const LEFT_OUT = 'leftOut { pin { id revision } schedule { id } reason }'

/** mutation -> the subgraph that has it, the type of its input, and what to ask for. */
const MUTATIONS = {
  createApp: ['schedule', 'CreateAppInput', 'app { id }'],
  createSlot: ['schedule', 'CreateSlotInput', 'id version code'],
  updateSlot: ['schedule', 'UpdateSlotInput', 'id version'],
  archiveSlot: ['schedule', 'ArchiveInput', 'id version'],
  unarchiveSlot: ['schedule', 'UnarchiveInput', 'id version'],
  createSchedule: ['schedule', 'CreateScheduleInput', 'id version'],
  archiveSchedule: ['schedule', 'ArchiveInput', 'id version'],
  unarchiveSchedule: ['schedule', 'UnarchiveInput', 'id version'],
  reviseSchedule: ['schedule', 'ReviseScheduleInput', 'id version revision'],
  duplicateSchedule: ['schedule', 'DuplicateScheduleInput', 'id version'],
  createCreative: ['creative', 'CreateCreativeInput', 'id version'],
  reviseCreative: ['creative', 'ReviseCreativeInput', 'id version revision'],
  archiveCreative: ['creative', 'ArchiveInput', 'id version'],
  unarchiveCreative: ['creative', 'UnarchiveInput', 'id version'],
  createStrategy: ['strategy', 'CreateStrategyInput', 'id version'],
  reviseStrategy: ['strategy', 'ReviseStrategyInput', 'id version revision'],
  archiveStrategy: ['strategy', 'ArchiveInput', 'id version'],
  unarchiveStrategy: ['strategy', 'UnarchiveInput', 'id version'],
  createSegment: ['strategy', 'CreateSegmentInput', 'id version'],
  reviseSegment: ['strategy', 'ReviseSegmentInput', 'id version revision'],
  archiveSegment: ['strategy', 'ArchiveInput', 'id version'],
  unarchiveSegment: ['strategy', 'UnarchiveInput', 'id version'],
  submitForReview: ['audit', 'SubmitForReviewInput', SUBMISSION],
  approve: ['audit', 'DecideInput', SUBMISSION],
  reject: ['audit', 'DecideInput', SUBMISSION],
  recallSubmission: ['audit', 'RecallSubmissionInput', SUBMISSION],
  publish: ['delivery', 'PublishInput', PUBLICATION],
  pause: ['delivery', 'PauseInput', PUBLICATION],
  resume: ['delivery', 'ResumeInput', PUBLICATION],
  withdraw: ['delivery', 'WithdrawInput', PUBLICATION],
  publishSlot: ['delivery', 'PublishSlotInput', PUBLICATION],
  rollbackSlot: ['delivery', 'RollbackSlotInput', `${PUBLICATION} rollbackTo ${LEFT_OUT}`],
  stopSlot: ['delivery', 'StopSlotInput', PUBLICATION],
  restartSlot: ['delivery', 'RestartSlotInput', PUBLICATION],
  takeDown: ['delivery', 'TakeDownInput', TAKEDOWN],
  revokeApproval: ['delivery', 'RevokeApprovalInput', `review { id } publications { ${PUBLICATION} }`],
} as const

export type MutationName = keyof typeof MUTATIONS

/** The subgraph that has a mutation, and its text. */
export function callOf(name: MutationName) {
  const [subgraph, type, fields] = MUTATIONS[name]
  return { subgraph, text: `mutation ($input: ${type}!) { ${name}(input: $input) { ${fields} } }` }
}

export async function startWorkflow(store: Store, change: Partial<Services> = {}) {
  const clock = fakeClock()
  const services: Services = { ...testServices(store, clock.now), ...change }
  const subgraphs = {
    schedule: await startTestSubgraph(schedule, services),
    creative: await startTestSubgraph(creative, services),
    strategy: await startTestSubgraph(strategy, services),
    audit: await startTestSubgraph(audit, services),
    delivery: await startTestSubgraph(delivery, services),
  } satisfies Record<string, TestSubgraph>

  /** The answer of a mutation; throws when it fails. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  function run(name: MutationName, actor: string, input: Input): Promise<any> {
    clock.advance(1) // so that ids sort by the order in which things were made
    const { text, subgraph } = callOf(name)
    return subgraphs[subgraph].must(actor, text, { input })
  }

  /** The first error of a mutation that is to fail. */
  async function failure(name: MutationName, actor: string, input: Input): Promise<Failure> {
    clock.advance(1)
    const { text, subgraph } = callOf(name)
    const { errors } = await subgraphs[subgraph].ask(actor, text, { input })
    if (!errors?.[0]) throw new Error(`${name} did not fail`)
    const extensions = errors[0].extensions ?? {}
    return { code: extensions.code, message: errors[0].message, extensions }
  }

  let codes = 0
  function freshCode(): string {
    codes += 1
    return `code-${codes}`
  }
  const app = freshCode()
  await run('createApp', 'operator', { code: app, name: 'An app' })

  async function makeSlot(more: Content = {}): Promise<{ id: string; code: string }> {
    const code = freshCode()
    const { id } = await run('createSlot', 'operator', { app, code, name: 'A slot', ...more })
    return { id, code }
  }
  const slot = await makeSlot()

  const head = ({ type, id }: Thing) => subjectRepositories[type].require(store, id)

  async function makeCreative(content: Content = {}, actor = 'operator'): Promise<Thing> {
    const whole = { name: 'A creative', title: 'Hello', ...content }
    return { type: 'CREATIVE', id: (await run('createCreative', actor, { app, content: whole })).id }
  }

  async function makeStrategy(content: Content = {}, actor = 'operator'): Promise<Thing> {
    const whole = { name: 'A strategy', ...content }
    return { type: 'STRATEGY', id: (await run('createStrategy', actor, { app, content: whole })).id }
  }

  /** Those with the tag `new`, unless another constraint is given. */
  async function makeSegment(content: Content = {}, actor = 'operator'): Promise<Thing> {
    const constraint = { dimension: 'tags', operator: 'IN', values: ['new'] }
    const whole = { name: 'A segment', constraint, ...content }
    return { type: 'SEGMENT', id: (await run('createSegment', actor, { app, content: whole })).id }
  }

  type Booking = { creatives?: Thing[]; strategy?: Thing; slot?: string; content?: Content; actor?: string }

  /** A draft; with a creative of its own, unless it is given some. */
  async function makeSchedule(booking: Booking = {}): Promise<Thing> {
    const content = await contentOf(booking)
    const input = { app, slot: booking.slot ?? slot.id, content }
    return { type: 'SCHEDULE', id: (await run('createSchedule', booking.actor ?? 'operator', input)).id }
  }

  async function contentOf({ creatives, strategy, content }: Booking): Promise<Content> {
    const booked = creatives ?? [await makeCreative()]
    return {
      name: 'A schedule',
      creatives: booked.map(({ id }) => ({ creative: id })),
      strategy: strategy?.id ?? null,
      ...content,
    }
  }

  const revisions = {
    SCHEDULE: 'reviseSchedule',
    CREATIVE: 'reviseCreative',
    STRATEGY: 'reviseStrategy',
    SEGMENT: 'reviseSegment',
  } as const

  /** A new draft with the content as it is, save for what `change` says. */
  async function revise(thing: Thing, change: Content, actor = 'operator'): Promise<void> {
    const { version, content } = await head(thing)
    const input = { id: thing.id, expectedVersion: version, content: { ...content, ...change } }
    await run(revisions[thing.type], actor, input)
  }

  const submission = async (thing: Thing, more: Input = {}): Promise<Input> => ({
    subject: thing,
    expectedVersion: (await head(thing)).version,
    ...more,
  })

  async function submit(thing: Thing, actor = 'operator'): Promise<string> {
    return (await run('submitForReview', actor, await submission(thing))).id
  }

  async function recall(id: string, actor = 'operator'): Promise<void> {
    await run('recallSubmission', actor, await onAll(id))
  }

  /** The input of a decision on all of a submission, or of its recall. */
  async function onAll(id: string, more: Input = {}): Promise<Input> {
    return { submission: id, expectedVersion: (await submissions.require(store, id)).version, ...more }
  }

  async function reviewOf(thing: Thing, revision?: number): Promise<Review> {
    const wanted = { id: thing.id, revision: revision ?? (await head(thing)).revision }
    const [review] = await reviews.at(store, [wanted])
    if (!review) throw new Error(`There is no review of ${JSON.stringify(wanted)}`)
    return review
  }

  async function approve(id: string, actor = 'reviewer'): Promise<void> {
    await run('approve', actor, await onAll(id))
  }

  /** Submits it with all that it uses, and approves that. */
  async function approved(thing: Thing): Promise<Thing> {
    await approve(await submit(thing))
    return thing
  }

  const onSchedule = async (thing: Thing, more: Input = {}): Promise<Input> => ({
    schedule: thing.id,
    expectedVersion: (await head(thing)).version,
    ...more,
  })

  const onSlot = async (id: string): Promise<Input> => ({
    slot: id,
    expectedVersion: (await slots.require(store, id)).version,
  })

  async function publish(thing: Thing, actor = 'publisher') {
    return run('publish', actor, await onSchedule(thing))
  }

  /** A live schedule in a slot of its own. */
  async function makeLive(booking: Booking = {}, settings: Content = {}) {
    const slot = await makeSlot(settings)
    const schedule = await approved(await makeSchedule({ ...booking, slot: slot.id }))
    await publish(schedule)
    return { slot, schedule }
  }

  /** The input of taking back the approval of a revision, the newest one if none is named. */
  async function onReview(thing: Thing, revision?: number, more: Input = {}): Promise<Input> {
    const { _id, version } = await reviewOf(thing, revision)
    return { review: _id, expectedVersion: version, reason: 'It was a mistake', ...more }
  }

  async function revoke(thing: Thing, revision?: number) {
    return run('revokeApproval', 'publisher', await onReview(thing, revision))
  }

  /** The latest publication of a slot, as MongoDB has it. */
  async function latest(slotId = slot.id): Promise<Publication> {
    const found = await slotHeads.get(store, slotId)
    const [publication] = await publications.byIds(store, [found!.latest])
    return publication!.body!
  }

  /** What a node that starts now would serve in a slot. */
  const served = (code = slot.code) => readServed(services.channel, services.keys, app, code)

  const stop = async () => void (await Promise.all(Object.values(subgraphs).map(({ subgraph }) => subgraph.stop())))

  return {
    ...{ services, store, clock, subgraphs, app, slot, run, failure, stop, freshCode },
    ...{ makeSlot, makeCreative, makeStrategy, makeSegment, makeSchedule, contentOf, revise, head },
    ...{ submission, submit, onAll, recall, approve, approved, reviewOf },
    ...{ onSchedule, onSlot, publish, makeLive, onReview, revoke, latest, served },
  }
}

async function readServed(channel: Channel, keys: SigningKeys, app: string, code: string): Promise<Publication | null> {
  const address = { app, code }
  const [text] = await channel.read([address])
  if (!text) return null
  const document = openAt(keys, address, text)
  if ('error' in document) throw new Error(`The channel holds a ${document.error} document`)
  return document as Publication
}

/** `<id>@<revision>` of everything that a publication holds. */
export function pinsIn(publication: Publication): string[] {
  const { entries, fallback } = publication
  const all = [
    ...fallback,
    ...entries.flatMap(({ schedule, strategy, segments, creatives }) => [
      schedule,
      ...(strategy ? [strategy] : []),
      ...segments,
      ...creatives,
    ]),
  ]
  return all.map(pinText)
}

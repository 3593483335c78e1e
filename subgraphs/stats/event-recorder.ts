// The mutation `recordEvents`: takes a batch of events from an app or an operator. First the whole batch is checked: one
// mistake refuses all of it. Then forged, future and expired events are refused one by one and counted in the tallies. The
// others are appended to the event stream. The answer says "accepted" only when they are in the stream.

import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { authorize } from '../../common/access/rights.ts'
import { requireApp } from '../../common/apps/apps.ts'
import { withDeadline } from '../../common/base/deadline.ts'
import { AlkaidError } from '../../common/base/errors.ts'
import { createProblemLog, type ProblemLog } from '../../common/base/problem-log.ts'
import { type EventStream, StreamFull } from '../../common/channel/event-stream.ts'
import { parseInput, reference } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type EventSource, readEventToken } from '../../engine/publication/event-token.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import { DAY_MS, HOUR_MS } from '../../engine/time/days.ts'
import { createSourceChecker, type SlotIds } from './import-sources.ts'
import { type AcceptedEvent, FUTURE_MS, type RefusedEvents } from './stream-records.ts'

const MAX_EVENTS = 1_000
/** An event that arrives later than this after it happened is flagged as late, but counted. */
const LATE_MS = 48 * HOUR_MS
/** An event with a token that is older than this is refused as expired. */
const MAX_AGE_MS = 30 * DAY_MS
/** How long the answer waits for the stream, in ms. */
const APPEND_MS = 6_000
/** How many tokens are remembered with what they say: apps send a token once for each event of its creative. */
const MAX_TOKENS = 10_000

const source = z.object({ slot: reference, schedule: reference.nullish(), creative: reference })

const event = z
  .object({
    id: z.string().regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -'),
    type: z.enum(['IMPRESSION', 'CLICK', 'CONVERSION']),
    at: z.date().min(new Date(0), 'must be 1970 or later').nullish(),
    token: z.string().nullish(),
    source: source.nullish(),
  })
  .refine(({ token, source }) => ((token ?? null) !== null) !== ((source ?? null) !== null), {
    message: 'needs either a token or a source',
  })

const input = z.object({
  app: z.string(),
  events: z.array(event).min(1, 'must have 1 to 1,000 events').max(MAX_EVENTS, 'must have 1 to 1,000 events'),
})

export type RecordEventsInput = z.input<typeof input>
type EventInput = z.output<typeof event>

export type RecordedEvents = { accepted: number } & Required<RefusedEvents['refused']>

export type EventRecorder = (caller: Caller, batch: RecordEventsInput) => Promise<RecordedEvents>

/**
 * @throws AlkaidError UNAUTHENTICATED, FORBIDDEN, NOT_FOUND (the app) or BAD_USER_INPUT: nothing is recorded. UNAVAILABLE or
 *   TIMEOUT when the stream does not take the batch: the caller may send the same batch again.
 */
export function createEventRecorder(services: Services, stream: EventStream): EventRecorder {
  const { store, now } = services
  const readToken = createTokenReader(services.keys)
  const problems = createProblemLog(services.log)
  const checkSources = createSourceChecker(store)

  return async (caller, batch) => {
    requireMayRecord(caller, batch.app)
    const { app, events } = parseInput(input, batch)
    const acceptedAt = now()
    refuseSourcesOfApps(caller, events)
    if (!caller.appKey) await requireApp(store, app) // An app key proves that its app exists.
    const sources = events.flatMap(({ source }, n) => (source ? { path: `input.events[${n}].source`, source } : []))
    const slotIds = await checkSources(app, sources)

    const accepted: AcceptedEvent[] = []
    const refused = { forged: 0, future: 0, expired: 0 }
    for (const event of events) {
      const origin = event.source ? originOf(event.source, slotIds) : readToken(event.token!, app)
      const at = event.at?.getTime() ?? acceptedAt
      if (!origin) refused.forged++
      else if (at > acceptedAt + FUTURE_MS) refused.future++
      else if (!event.source && at < acceptedAt - MAX_AGE_MS) refused.expired++
      else accepted.push(toAccepted(event, origin, { app, at, acceptedAt }))
    }
    const records: (AcceptedEvent | RefusedEvents)[] = [...accepted]
    if (refused.forged + refused.future + refused.expired > 0) {
      records.push({ app, id: randomUUID(), refused, acceptedAt })
    }
    await append(stream, records, problems)
    return { accepted: accepted.length, ...refused }
  }
}

/** An app records for itself, with its key. Anybody else needs a token with a role that may record events. */
function requireMayRecord({ appKey, principal }: Caller, app: string): void {
  if (!appKey) return void authorize(principal, app, 'recordEvents')
  if (appKey.app !== app) {
    throw new AlkaidError('FORBIDDEN', `This app key belongs to another app than ${JSON.stringify(app)}`)
  }
}

function refuseSourcesOfApps({ appKey }: Caller, events: readonly EventInput[]): void {
  if (!appKey) return
  const index = events.findIndex(({ source }) => source)
  if (index < 0) return
  throw new AlkaidError(
    'FORBIDDEN',
    `input.events[${index}].source: only operators may send a source: send the token of the decision instead`,
  )
}

/** Where an event belongs, by its token or its source. */
type Origin = Pick<AcceptedEvent, 'slot' | 'schedule' | 'creative'>

const originOf = (source: NonNullable<EventInput['source']>, slotIds: SlotIds): Origin => ({
  slot: slotIds.get(source)!,
  schedule: source.schedule ?? null,
  creative: source.creative,
})

/** Reads tokens of one app. Returns undefined for a token that is forged or belongs to another app. */
function createTokenReader(keys: SigningKeys): (token: string, app: string) => Origin | undefined {
  const sources = new LRUCache<string, EventSource>({ max: MAX_TOKENS })
  return (token, app) => {
    let source = sources.get(token)
    if (!source) {
      source = readEventToken(keys, token)
      if (source) sources.set(token, source)
    }
    if (source?.app !== app) return undefined
    return { slot: source.slot, schedule: source.schedule?.id ?? null, creative: source.creative.id }
  }
}

function toAccepted(
  { id, type, source }: EventInput,
  { slot, schedule, creative }: Origin,
  { app, at, acceptedAt }: { app: string; at: number; acceptedAt: number },
): AcceptedEvent {
  const late = !source && acceptedAt - at > LATE_MS
  return { app, id, type, at, slot, schedule, creative, ...(late ? { late } : {}), acceptedAt }
}

/** A stream that is out of reach fails each batch. The log gets one line when that begins, and one when it is over. */
async function append(stream: EventStream, records: readonly object[], problems: ProblemLog): Promise<void> {
  const late = () => new AlkaidError('TIMEOUT', 'The event stream did not answer in time: send the same batch again')
  try {
    await withDeadline(APPEND_MS, stream.append(records.map((record) => JSON.stringify(record))), late)
    problems.resolve(STREAM)
  } catch (error) {
    problems.report(STREAM, 'batches of events are refused, because it does not take them', error)
    if (error instanceof StreamFull) throw error
    if (error instanceof AlkaidError && error.code === 'TIMEOUT') throw late()
    throw new AlkaidError('UNAVAILABLE', 'The event stream is out of reach: send the same batch again')
  }
}

const STREAM = 'the event stream'

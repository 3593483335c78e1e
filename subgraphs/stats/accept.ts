// The rules of accepting events. A batch is checked as a whole first; then what is in the stream is accepted, and
// only then is it acknowledged. Forged, future and expired events are refused one by one, and tallied.

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { authorize } from '../../common/access/rights.ts'
import { requireApp } from '../../common/apps/apps.ts'
import { withDeadline } from '../../common/base/deadline.ts'
import { AlkaidError } from '../../common/base/errors.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import { parseInput, reference } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type EventSource, readEventToken } from '../../engine/publication/event-token.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import { DAY_MS, HOUR_MS } from '../../engine/time/days.ts'
import { type AcceptedEvent, FUTURE_MS, type RefusedEvents } from './events.ts'
import { type SlotIds, sourceChecker } from './sources.ts'

const MAX_EVENTS = 1_000
const LATE_MS = 48 * HOUR_MS
const OLDEST_DAYS = 30
/** How long the answer waits for the stream. */
const APPEND_MS = 6_000

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

export type Acceptor = (caller: Caller, given: RecordEventsInput) => Promise<RecordedEvents>

/**
 * Throws UNAUTHENTICATED, FORBIDDEN, NOT_FOUND (the app), BAD_USER_INPUT with nothing recorded; UNAVAILABLE or TIMEOUT
 * when the stream does not take the batch: it may then be sent again as it is.
 */
export function createAcceptor(services: Services, stream: EventStream): Acceptor {
  const { store, now } = services
  const readToken = tokenReader(services.keys)
  const checkSources = sourceChecker(store)

  return async (caller, given) => {
    requireMayRecord(caller, given.app)
    const { app, events } = parseInput(input, given)
    const acceptedAt = now()
    checkEvents(caller, events)
    if (!caller.appKey) await requireApp(store, app)
    const named = events.flatMap(({ source }, n) => (source ? { path: `input.events[${n}].source`, source } : []))
    const slotIds = await checkSources(app, named)

    const accepted: AcceptedEvent[] = []
    const refused = { forged: 0, future: 0, expired: 0 }
    for (const event of events) {
      const from = event.source ? originOf(event.source, slotIds) : readToken(event.token!, app)
      const at = event.at?.getTime() ?? acceptedAt
      if (!from) refused.forged++
      else if (at > acceptedAt + FUTURE_MS) refused.future++
      else if (!event.source && at < acceptedAt - OLDEST_DAYS * DAY_MS) refused.expired++
      else accepted.push(toAccepted(event, from, { app, at, acceptedAt }))
    }
    const records: (AcceptedEvent | RefusedEvents)[] = [...accepted]
    if (refused.forged + refused.future + refused.expired > 0) {
      records.push({ app, id: randomUUID(), refused, acceptedAt })
    }
    await append(services, stream, records)
    return { accepted: accepted.length, ...refused }
  }
}

type Origin = Pick<AcceptedEvent, 'slot' | 'schedule' | 'creative'>

const originOf = (source: NonNullable<EventInput['source']>, slotIds: SlotIds): Origin => ({
  slot: slotIds.get(source)!,
  schedule: source.schedule ?? null,
  creative: source.creative,
})

function toAccepted(
  { id, type, source }: EventInput,
  { slot, schedule, creative }: Origin,
  { app, at, acceptedAt }: { app: string; at: number; acceptedAt: number },
): AcceptedEvent {
  const late = !source && acceptedAt - at > LATE_MS
  return { app, id, type, at, slot, schedule, creative, ...(late ? { late } : {}), acceptedAt }
}

/** An app by its key, for itself alone; or somebody with a token and the role. */
function requireMayRecord({ appKey, principal }: Caller, app: string): void {
  if (!appKey) return void authorize(principal, app, 'recordEvents')
  if (appKey.app !== app) {
    throw new AlkaidError('FORBIDDEN', `This app key belongs to another app than ${JSON.stringify(app)}`)
  }
}

function checkEvents({ appKey }: Caller, events: readonly EventInput[]): void {
  for (const [n, { source }] of events.entries()) {
    if (source && appKey) {
      throw new AlkaidError('FORBIDDEN', `input.events[${n}].source: apps send tokens; sources are for operators`)
    }
  }
}

const MAX_TOKENS_KNOWN = 10_000

/** Reads tokens of one app; undefined for a forged one. A token comes back with every event of its creative. */
function tokenReader(keys: SigningKeys): (token: string, app: string) => Origin | undefined {
  const known = new Map<string, EventSource>()
  return (token, app) => {
    let read = known.get(token)
    if (!read) {
      read = readEventToken(keys, token)
      if (read && known.size >= MAX_TOKENS_KNOWN) known.clear()
      if (read) known.set(token, read)
    }
    if (read?.app !== app) return undefined
    return { slot: read.slot, schedule: read.schedule?.id ?? null, creative: read.creative.id }
  }
}

async function append({ log }: Services, stream: EventStream, records: readonly object[]): Promise<void> {
  const late = () => new AlkaidError('TIMEOUT', 'The event stream did not answer in time: send the same batch again')
  try {
    await withDeadline(APPEND_MS, stream.append(records.map((record) => JSON.stringify(record))), late)
  } catch (error) {
    log.warn({ err: error }, 'the event stream did not take a batch')
    if (error instanceof AlkaidError && error.code === 'TIMEOUT') throw error
    throw new AlkaidError('UNAVAILABLE', 'The event stream is out of reach: send the same batch again')
  }
}

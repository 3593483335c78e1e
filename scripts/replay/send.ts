// Sends every row of the log, in order. Each row becomes two requests: an app sends a slot query to distribution, and an operator
// imports the impression and the click through the gateway.

import { type Client, post } from '../shared/client.ts'
import type { Progress } from '../shared/progress.ts'
import { type Booked, slotCode } from './book.ts'
import type { LogRow } from './read-log.ts'

/** The results of the slot queries. `decided`: position -> creative id -> how often it was chosen. */
export type Sent = {
  answered: number
  errors: number
  firstError: string | undefined
  decided: Map<number, Map<string, number>>
}

type ImportedEvent = { id: string; type: 'IMPRESSION' | 'CLICK'; at: string; source: object }

const BATCH = 500

export async function sendRows(options: {
  distributionUrl: string
  /** The hash of the persisted operation Decisions. */
  operation: string
  operator: Client
  booked: Booked
  rows: readonly LogRow[]
  progress: Progress
}): Promise<Sent> {
  const { distributionUrl, operation, operator, booked, rows, progress } = options
  const sent: Sent = { answered: 0, errors: 0, firstError: undefined, decided: new Map() }
  let batch: ImportedEvent[] = []
  for (const row of rows) {
    try {
      count(sent, row.position, await decide(distributionUrl, operation, booked, row))
    } catch (error) {
      sent.errors += 1
      sent.firstError ??= `row ${row.number}: ${(error as Error).message}`
    }
    batch.push(...eventsOf(row, booked))
    if (batch.length >= BATCH || row === rows.at(-1)) {
      await record(operator, booked.app, batch)
      batch = []
    }
    progress('rows sent', row.number, rows.length)
  }
  return sent
}

/** Asks for the row's slot as the row's user. Returns the id of the creative that Alkaid chose. */
async function decide(url: string, operation: string, { app, appKey }: Booked, row: LogRow): Promise<string> {
  const variables = {
    app,
    slots: [slotCode(row.position)],
    context: { deviceId: String(row.number), tags: row.tags },
  }
  const extensions = { persistedQuery: { version: 1, sha256Hash: operation } }
  const { decisions } = await post(url, { 'x-app-key': appKey }, { variables, extensions })
  const [decision] = decisions
  if (decision?.reason !== 'MATCHED' || decision.creatives.length !== 1) {
    throw new Error(`expected one creative, got ${JSON.stringify(decision)}`)
  }
  return decision.creatives[0].creative
}

function count(sent: Sent, position: number, creative: string): void {
  sent.answered += 1
  const counts = sent.decided.get(position) ?? new Map<string, number>()
  sent.decided.set(position, counts.set(creative, (counts.get(creative) ?? 0) + 1))
}

function eventsOf(row: LogRow, { slots, schedules, creatives }: Booked): ImportedEvent[] {
  const source = {
    slot: slots.get(row.position),
    schedule: schedules.get(`${row.item}/${row.position}`),
    creative: creatives.get(row.item),
  }
  const at = row.at.toISOString()
  const impression = { id: `row-${row.number}-impression`, type: 'IMPRESSION' as const, at, source }
  return row.click ? [impression, { id: `row-${row.number}-click`, type: 'CLICK', at, source }] : [impression]
}

async function record(operator: Client, app: string, events: ImportedEvent[]): Promise<void> {
  const { recordEvents } = await operator(RECORD_EVENTS, { input: { app, events } })
  if (recordEvents.accepted !== events.length) {
    throw new Error(`Of ${events.length} events only ${recordEvents.accepted} were accepted`)
  }
}

const RECORD_EVENTS = 'mutation RecordEvents($input: RecordEventsInput!) { recordEvents(input: $input) { accepted } }'

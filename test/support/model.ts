// A model of the product as plain data: what is planned, reviewed and published, and what nodes must serve. It uses no code of the
// product. Everything has a short name: C1 is a creative, G1 a segment, T1 a strategy, S1 a schedule, B1 a submission. X and Y are slots.
// C1@2 is the second revision of C1.

export const KINDS = { CREATIVE: 'C', SEGMENT: 'G', STRATEGY: 'T', SCHEDULE: 'S' } as const
export type Kind = keyof typeof KINDS

/** What a content uses: a schedule its creatives and strategy, a strategy or segment its segments. */
export type Uses = { creatives: string[]; strategy: string | null; segments: string[] }

export type Review = {
  state: 'OPEN' | 'APPROVED' | 'REJECTED' | 'RECALLED' | 'REVOKED'
  version: number
  /** The submissions that need it. */
  neededBy: string[]
  submittedBy: string[]
}

export type Revision = { author: string; uses: Uses; review: Review | null }

/** The live revisions of a schedule and of what it uses, each as `C1@2`. */
export type Pin = { schedule: string; creatives: string[]; strategy: string | null; segments: string[] }

export type Thing = {
  name: string
  kind: Kind
  version: number
  state: 'DRAFT' | 'IN_REVIEW' | 'APPROVED' | 'REJECTED'
  archived: boolean
  /** The first one first. */
  revisions: Revision[]
  /** Only schedules have the rest. */
  slot: string | null
  delivery: 'NONE' | 'LIVE' | 'PAUSED' | 'WITHDRAWN'
  pin: Pin | null
}

export type Submission = { subject: string; version: number; recalled: boolean; reviews: string[] }

export type Slot = {
  version: number
  archived: boolean
  /** The names of creatives. */
  fallback: string[]
  stopped: boolean
  /** The revision of the latest publication; 0: nothing was ever published. */
  revision: number
  pinnedFallback: string[]
  /** Revision of a publication -> what it served. */
  past: Map<number, Past>
}

export type Past = { fallback: string[]; entries: Pin[] }

export type Model = {
  things: Map<string, Thing>
  submissions: Map<string, Submission>
  slots: Map<string, Slot>
}

/** What a node serves in a slot; null: the node does not know the slot. */
export type Served = { revision: number; stopped: boolean; fallback: string[]; entries: Pin[] } | null

/** What a command does to the model. */
export type Effect = () => void

export function emptyModel(): Model {
  return { things: new Map(), submissions: new Map(), slots: new Map() }
}

export const revisionText = (name: string, revision: number) => `${name}@${revision}`

export function thingOf({ things }: Model, text: string): Thing {
  return things.get(text.split('@')[0]!)!
}

export function revisionOf(model: Model, text: string): Revision {
  return thingOf(model, text).revisions[Number(text.split('@')[1]) - 1]!
}

export function reviewOf(model: Model, text: string): Review {
  return revisionOf(model, text).review!
}

export function namesIn({ creatives, strategy, segments }: Uses): string[] {
  return [...creatives, ...(strategy ? [strategy] : []), ...segments]
}

export function textsIn({ schedule, creatives, strategy, segments }: Pin): string[] {
  return [schedule, ...creatives, ...(strategy ? [strategy] : []), ...segments]
}

export function newest({ name, revisions }: Thing): string {
  return revisionText(name, revisions.length)
}

export function isApproved(model: Model, text: string): boolean {
  return revisionOf(model, text).review?.state === 'APPROVED'
}

/** The newest revision that is approved now. */
export function newestApproved(model: Model, name: string): string | null {
  const { revisions } = model.things.get(name)!
  const texts = revisions.map((_, index) => revisionText(name, index + 1))
  return texts.findLast((text) => isApproved(model, text)) ?? null
}

/** Whether it uses an archived thing that it did not use before: by name, or a segment through a strategy or another segment. */
export function isNewlyArchived(model: Model, names: readonly string[], before: readonly string[]): boolean {
  const inUse = withSegments(model, before)
  return withSegments(model, names).some((name) => model.things.get(name)!.archived && !inUse.includes(name))
}

/** These segments, the segments that their newest revisions use, and so on. */
function withSegments({ things }: Model, names: readonly string[]): string[] {
  const all = [...names]
  for (const name of all) {
    for (const segment of things.get(name)!.revisions.at(-1)!.uses.segments) {
      if (!all.includes(segment)) all.push(segment)
    }
  }
  return all
}

/** The names of everything that a schedule pins. Empty when it pins nothing. */
export function namesPinned({ pin }: Thing): string[] {
  return pin ? textsIn(pin).map((text) => text.split('@')[0]!) : []
}

/** Whether the review waits for a decision: nobody has decided, and there is no newer revision. */
export function isOpen(model: Model, text: string): boolean {
  return revisionOf(model, text).review?.state === 'OPEN' && newest(thingOf(model, text)) === text
}

/** The pin without everything that is not approved; null when nothing of it may be served. */
export function servable(model: Model, pin: Pin): Pin | null {
  const needed = [pin.schedule, ...(pin.strategy ? [pin.strategy] : []), ...pin.segments]
  const creatives = pin.creatives.filter((text) => isApproved(model, text))
  return needed.every((text) => isApproved(model, text)) && creatives.length > 0 ? { ...pin, creatives } : null
}

/** The approved, published and not paused schedules of a slot, at their pinned revisions. */
export function servedIn(model: Model, slot: string): Served {
  const { revision, stopped, pinnedFallback } = model.slots.get(slot)!
  if (revision === 0) return null
  const live = [...model.things.values()].filter((thing) => thing.slot === slot && thing.delivery === 'LIVE')
  return {
    revision,
    stopped,
    fallback: pinnedFallback.filter((text) => isApproved(model, text)),
    entries: live.flatMap(({ pin }) => servable(model, pin!) ?? []),
  }
}

/** Notes what each slot serves at its latest publication, for rollbacks. */
export function rememberPublications(model: Model): void {
  for (const [name, { revision, past }] of model.slots) {
    if (revision === 0 || past.has(revision)) continue
    const { fallback, entries } = servedIn(model, name)!
    past.set(revision, { fallback, entries })
  }
}

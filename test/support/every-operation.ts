// Tests of every query and every mutation of the graph, on the demo app, through the gateway, and of every operation that apps may
// send. A field of the schema that is not called here fails. The suite runs on any platform that has these addresses and clients.

import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { buildSchema, parse } from 'graphql'
import type { Role } from '../../common/access/rights.ts'
import type { Client } from '../../scripts/shared/client.ts'
import { operationIds } from '../../scripts/shared/operation-ids.ts'
import { type Demo, loadDemo } from '../../scripts/start/load-demo.ts'
import { manifestOf, slotQuery } from '../support/manifests.ts'
import { eventually } from './platform.ts'

const schemaFolder = new URL('../../schema/', import.meta.url)
const schema = buildSchema(readFileSync(new URL('supergraph.graphql', schemaFolder), 'utf8'), { assumeValidSDL: true })
const rootFields = { ...schema.getQueryType()!.getFields(), ...schema.getMutationType()!.getFields() }

export type CalledPlatform = {
  gatewayUrl: string
  distributionUrl: string
  tokens: Record<Role, string>
  clients: Record<Role, Client>
  stop(): Promise<void>
}

/** Declares the tests. They run on one platform, one after another. */
export function testEveryOperation(start: () => Promise<CalledPlatform>): void {
  let alkaid: CalledPlatform
  let dataDir: string | undefined
  let demo: Demo
  const called = new Set<string>()

  beforeAll(async () => {
    alkaid = await start()
    const folder = await mkdtemp(join(tmpdir(), 'alkaid-operations-'))
    dataDir = folder
    const { gatewayUrl, distributionUrl } = alkaid
    const urls = { gateway: `${gatewayUrl}/graphql`, distribution: `${distributionUrl}/graphql` }
    const signal = new AbortController().signal
    demo = await loadDemo({ urls, tokens: alkaid.tokens, dataDir: folder, signal, progress: () => {} })
  }, 60_000)

  afterAll(async () => {
    await alkaid?.stop()
    if (dataDir) await rm(dataDir, { recursive: true, force: true })
  })

  /** Sends one root field with its arguments as variables; throws for any error in the answer. */
  async function call(role: Role, field: string, args: Record<string, unknown>, selection: string) {
    const definition = rootFields[field]
    if (!definition) throw new Error(`The graph has no field ${field}`)
    const kind = field in schema.getQueryType()!.getFields() ? 'query' : 'mutation'
    const used = definition.args.filter(({ name }) => name in args)
    const variables = used.map(({ name, type }) => `$${name}: ${type}`).join(', ')
    const given = used.map(({ name }) => `${name}: $${name}`).join(', ')
    const text = `${kind} ${variables && `(${variables})`} { ${field}${given && `(${given})`} { ${selection} } }`
    const answer = await alkaid.clients[role](text, args)
    called.add(field)
    return answer[field]
  }

  const HEAD = 'id version revision reviewState archivedAt'
  const HEAD_OR_SLOT = 'id archivedAt'
  const app = 'demo'
  const leaf = { dimension: 'tags', operator: 'IN', values: ['member'] }

  test('operators make, change and archive everything that they plan with', async () => {
    const shop = await call(
      'operator',
      'createApp',
      { input: { code: 'second', name: 'Second' } },
      'key app { version }',
    )
    const renamed = { app: 'second', expectedVersion: shop.app.version, name: 'The second' }
    expect((await call('admin', 'updateApp', { input: renamed }, 'id name version')).name).toBe('The second')
    const rotated = { app: 'second', expectedVersion: shop.app.version + 1 }
    expect((await call('admin', 'rotateAppKey', { input: rotated }, 'key')).key).not.toBe(shop.key)
    expect((await call('viewer', 'apps', { filter: { text: 'SECOND' } }, 'total nodes { id }')).total).toBe(1)
    expect(await call('viewer', 'app', { id: 'second' }, 'name zone')).toEqual({ name: 'The second', zone: 'UTC' })
    const manifest = manifestOf(slotQuery('Home'))
    const checked = await call('viewer', 'checkOperations', { app: 'second', manifest }, 'version added { name }')
    expect(checked).toEqual({ version: 1, added: [{ name: 'Home' }] })
    const input = { app: 'second', expectedVersion: 1, manifest }
    await call('admin', 'registerOperations', { input }, 'version operations { hash }')
    const listed = await call('viewer', 'operations', { app: 'second' }, 'version operations { name builtIn uses }')
    expect(listed).toEqual({
      version: 2,
      operations: [
        { name: 'Home', builtIn: false, uses: 0 },
        { name: 'Decisions', builtIn: true, uses: 0 },
        { name: 'RecordEvents', builtIn: true, uses: 0 },
      ],
    })

    const segment = await make('createSegment', { content: { name: 'Members', constraint: leaf } })
    await change('reviseSegment', segment, { content: { name: 'Members too', constraint: { not: leaf } } })
    expect((await call('viewer', 'segment', { id: segment.id }, 'name constraint')).constraint).toEqual({ not: leaf })
    const strategy = await make('createStrategy', { content: { name: 'Some', constraint: { segment: segment.id } } })
    await change('reviseStrategy', strategy, { content: { name: 'Some more', rollout: { percentage: 12.5 } } })
    const shownStrategy = await call('viewer', 'strategy', { id: strategy.id }, 'constraint rollout { percentage }')
    expect(shownStrategy).toEqual({ constraint: null, rollout: { percentage: 12.5 } })
    const creative = await make('createCreative', { content: { name: 'A lamp', title: 'Lamp' } })
    await change('reviseCreative', creative, { content: { name: 'A lamp', title: 'Lamp, lit' } })
    expect((await call('viewer', 'creative', { id: creative.id }, 'title revision')).title).toBe('Lamp, lit')

    const slot = await call('operator', 'createSlot', { input: { app, code: 'a.slot', name: 'A slot' } }, 'id version')
    const wider = { id: slot.id, expectedVersion: slot.version, capacity: 3 }
    expect((await call('operator', 'updateSlot', { input: wider }, 'id version capacity')).capacity).toBe(3)
    expect((await call('viewer', 'slot', { id: slot.id }, 'code stopped')).code).toBe('a.slot')
    const content = { name: 'A booking', creatives: [{ creative: creative.id }], strategy: strategy.id }
    const schedule = await make('createSchedule', { slot: slot.id, content })
    await change('reviseSchedule', schedule, { content: { ...content, priority: 3 } })
    const { id, version } = await call('viewer', 'schedule', { id: schedule.id }, 'id version windowState')
    const copy = await call(
      'operator',
      'duplicateSchedule',
      { input: { id, expectedVersion: version } },
      `name ${HEAD}`,
    )
    expect(copy).toMatchObject({ name: 'A booking (copy)', version: 1, reviewState: 'DRAFT' })

    const archive = async (mutation: string, query: string, thing: { id: string }) => {
      const { version: expectedVersion } = await call('viewer', query, { id: thing.id }, 'version')
      const archived = await call('operator', mutation, { input: { id: thing.id, expectedVersion } }, 'archivedAt')
      expect(archived.archivedAt).not.toBeNull()
    }
    const things = { Schedule: copy, Slot: slot, Creative: creative, Strategy: strategy, Segment: segment }
    for (const [kind, thing] of Object.entries(things)) {
      await archive(`archive${kind}`, kind.toLowerCase(), thing)
      const back = await call(
        'operator',
        `unarchive${kind}`,
        { input: await at(kind.toLowerCase(), thing.id) },
        HEAD_OR_SLOT,
      )
      expect(back.archivedAt).toBeNull()
    }
  })

  test('reviewers and publishers take a schedule through its life', async () => {
    const { nodes } = await call('viewer', 'slots', { app, filter: { text: 'feed.card' } }, 'nodes { id version code }')
    const slot = nodes[0]
    const creative = await make('createCreative', { content: { name: 'Tea', title: 'Tea', link: 'demoshop://tea' } })
    const content = { name: 'Tea time', creatives: [{ creative: creative.id }], priority: 50 }
    const { id } = await make('createSchedule', { slot: slot.id, content })
    const versionOf = async () => (await call('viewer', 'schedule', { id }, 'version')).version
    const subject = { type: 'SCHEDULE', id }
    const SUBMISSION = 'id version recalledAt reviews { id version state }'
    const submit = async () => {
      const input = { subject, expectedVersion: await versionOf() }
      return call('operator', 'submitForReview', { input }, SUBMISSION)
    }
    const all = (submission: { id: string; version: number }) => ({
      submission: submission.id,
      expectedVersion: submission.version,
    })
    const recalled = await call('operator', 'recallSubmission', { input: all(await submit()) }, SUBMISSION)
    expect(recalled.reviews).toMatchObject([{ state: 'RECALLED' }, { state: 'RECALLED' }])
    const rejection = { ...all(await submit()), comment: 'Coffee would be better' }
    expect((await call('reviewer', 'reject', { input: rejection }, SUBMISSION)).reviews[0].state).toBe('REJECTED')
    await call(
      'operator',
      'reviseCreative',
      {
        input: {
          ...(await at('creative', creative.id)),
          content: { name: 'Coffee', title: 'Coffee', link: 'demoshop://coffee' },
        },
      },
      HEAD,
    )
    await call('operator', 'reviseSchedule', { input: { ...(await at('schedule', id)), content } }, HEAD)
    const again = await submit()
    expect((await call('viewer', 'submission', { id: again.id }, SUBMISSION)).id).toBe(again.id)
    const queue = await call('viewer', 'reviewQueue', { app, filter: { text: 'tea' } }, 'total nodes { id state }')
    expect(queue).toMatchObject({ total: 1, nodes: [{ state: 'OPEN' }] })
    const approved = await call('reviewer', 'approve', { input: all(again) }, SUBMISSION)
    expect(approved.reviews).toMatchObject([{ state: 'APPROVED' }, { state: 'APPROVED' }])
    const review = await call('viewer', 'review', { id: approved.reviews[0].id }, 'id version state decidedBy')
    expect(review).toMatchObject({ state: 'APPROVED', decidedBy: 'reviewer' })

    const deliver = async (mutation: string) => {
      const input = { schedule: id, expectedVersion: await versionOf() }
      return call('publisher', mutation, { input }, 'revision stopped entries { schedule { id } }')
    }
    const serves = ({ entries }: { entries: { schedule: { id: string } }[] }) =>
      entries.some((entry) => entry.schedule.id === id)
    expect(serves(await deliver('publish'))).toBe(true)
    await eventually(shownIn('feed.card'), (creatives) => creatives[0]?.title === 'Coffee')
    expect(serves(await deliver('pause'))).toBe(false)
    expect(serves(await deliver('resume'))).toBe(true)
    const onSlot = async (mutation: string) => {
      const { version: expectedVersion } = await call('viewer', 'slot', { id: slot.id }, 'version')
      const input = { slot: slot.id, expectedVersion }
      return call('publisher', mutation, { input }, 'revision capacity stopped')
    }
    expect((await onSlot('publishSlot')).stopped).toBe(false)
    expect((await onSlot('stopSlot')).stopped).toBe(true)
    await eventually(shownIn('feed.card'), (creatives) => creatives.length === 0)
    expect((await onSlot('restartSlot')).stopped).toBe(false)
    const { version: expectedVersion } = await call('viewer', 'slot', { id: slot.id }, 'version')
    const publication = await call('viewer', 'publication', { app, slot: slot.id }, 'revision')
    const rolledBack = await call(
      'publisher',
      'rollbackSlot',
      { input: { slot: slot.id, expectedVersion, to: publication.revision - 1 } },
      'rollbackTo leftOut { reason } entries { schedule { id } }',
    )
    expect(rolledBack).toMatchObject({ rollbackTo: publication.revision - 1, leftOut: [] })
    expect(serves(rolledBack)).toBe(true)
    const revoked = { review: review.id, expectedVersion: review.version, reason: 'It is too hot for coffee' }
    const revocation = await call(
      'reviewer',
      'revokeApproval',
      { input: revoked },
      'review { state } publications { id }',
    )
    expect(revocation).toMatchObject({ review: { state: 'REVOKED' }, publications: [{}] })
    const links = { app, prefix: 'demoshop://COFFEE' }
    const TAKEDOWN = 'id reason droppedAt creatives { id title } schedules { id } publications { slot { id } }'
    const takedown = await call('publisher', 'takeDown', { input: { links, reason: 'Sold out' } }, TAKEDOWN)
    expect(takedown).toMatchObject({ reason: 'Sold out', creatives: [{ id: creative.id, title: 'Coffee' }] })
    const dropped = () => call('viewer', 'takedown', { id: takedown.id }, TAKEDOWN)
    expect((await eventually(dropped, ({ droppedAt }) => droppedAt !== null)).id).toBe(takedown.id)
    const found = await call('viewer', 'publications', { app, slot: 'feed.card' }, 'total nodes { revision }')
    expect(found.total).toBeGreaterThan(6)
    const [latest] = found.nodes
    const asked = { app, slot: 'feed.card', revision: latest.revision - 1 }
    expect(await call('viewer', 'publication', asked, 'revision')).toEqual({ revision: latest.revision - 1 })
    const revision = { ...subject, type: 'CREATIVE', id: creative.id }
    const CONTENT = '__typename ... on CreativeRevision { revision content review { state } }'
    const revisions = await call('viewer', 'revisions', { subject: revision }, CONTENT)
    expect(revisions).toMatchObject([{ revision: 2, content: { title: 'Coffee' } }, { revision: 1 }])
    const shown = await call('viewer', 'revision', { subject: revision, revision: 1 }, CONTENT)
    expect(shown).toMatchObject({ revision: 1, content: { title: 'Tea' }, review: { state: 'REJECTED' } })
    const compared = await call('viewer', 'difference', { subject: revision, from: 1, to: 2 }, 'path before after')
    expect(compared).toContainEqual({ path: 'title', before: 'Tea', after: 'Coffee' })
    const history = await call('viewer', 'history', { subject }, 'total nodes { mutation actor before after }')
    expect(history.nodes.map(({ mutation }: { mutation: string }) => mutation).slice(0, 4)).toEqual([
      'revokeApproval', // withdrawn, for nothing of it may be served
      'revokeApproval', // and its revision rejected
      'resume',
      'pause',
    ])

    const { schedules } = await alkaid.clients.viewer(
      `{ schedules(app: "demo", filter: {deliveryStates: [LIVE]}) { nodes { id } } }`,
    )
    const live = schedules.nodes[0].id
    const back = await call(
      'publisher',
      'withdraw',
      { input: { schedule: live, expectedVersion: (await at('schedule', live)).expectedVersion } },
      'entries { schedule { id } }',
    )
    expect(back.entries.map((entry: { schedule: { id: string } }) => entry.schedule.id)).not.toContain(live)
  })

  test('the lists of the demo app all show something', async () => {
    const counted = async (field: string, least: number) => {
      const { total, nodes } = await call('viewer', field, { app, first: 100 }, 'total nodes { id }')
      expect(total).toBeGreaterThanOrEqual(least)
      expect(nodes).toHaveLength(total)
    }
    await counted('slots', 9)
    await counted('creatives', 30)
    await counted('strategies', 6)
    await counted('segments', 2)
    await counted('schedules', 39)
    await counted('reviewQueue', 3)
    const dimensions = await call('viewer', 'targetingDimensions', {}, 'name description operators { operator takes }')
    expect(dimensions.length).toBeGreaterThanOrEqual(8)
  })

  test('events are imported by an operator, and reported', async () => {
    const { nodes } = await call(
      'viewer',
      'schedules',
      { app, filter: { text: 'spring' } },
      'nodes { id slot { id } creatives { creative { id } } }',
    )
    const [{ id, slot, creatives }] = nodes
    const source = { slot: slot.id, schedule: id, creative: creatives[0].creative.id }
    const events = [{ id: 'imported-1', type: 'CLICK', at: '2026-01-02T03:04:05Z', source }]
    expect((await call('operator', 'recordEvents', { input: { app, events } }, 'accepted')).accepted).toBe(1)
    const asked = {
      app,
      by: 'SCHEDULE',
      ids: [id],
      from: '2026-01-01T00:00:00Z',
      to: '2026-01-03T00:00:00Z',
      interval: 'DAY',
    }
    const report = () => call('viewer', 'report', asked, 'total { clicks }')
    await eventually(report, ({ total }) => total.clicks === 1)
  })

  test('a slot is decided for an operator too, who can ask why, and what it would be', async () => {
    const decided = await call(
      'viewer',
      'decisions',
      { app, slots: ['home.banner'], context: { language: 'de-DE' } },
      'reason',
    )
    expect(decided).toEqual([{ reason: 'MATCHED' }])
    const asked = {
      app,
      slot: 'home.banner',
      context: { userId: 'ann', language: 'de-DE' },
      at: '2040-01-01T00:00:00Z',
    }
    const SCHEDULES = 'at schedules { schedule { id } included reason startsAt creative { creative title } }'
    const explained = await call('viewer', 'explainDecision', asked, SCHEDULES)
    const previewed = await call('viewer', 'preview', asked, SCHEDULES)
    expect(explained.schedules.length).toBeGreaterThan(0)
    expect(previewed).toEqual(explained)
  })

  test('every field of Query and Mutation was called', () => {
    expect(Object.keys(rootFields).filter((field) => !called.has(field))).toEqual([])
  })

  // What apps send: each operation by its hash, with variables that fit.
  const forApps: Record<string, () => Promise<Record<string, unknown>>> = {
    Decisions: async () => ({
      app,
      slots: ['home.banner'],
      context: { userId: 'ann', platform: 'ios', appVersion: '8.3' },
    }),
    async RecordEvents() {
      const [creative] = await shownIn('home.banner')()
      return { input: { app, events: [{ id: 'app-1', type: 'IMPRESSION', token: creative!.eventToken }] } }
    },
  }
  const files = readdirSync(new URL('operations/', schemaFolder)).filter((name) => name.endsWith('.graphql'))

  test.each(files)('schema/operations/%s answers apps, without an error', async (file) => {
    const [definition] = parse(readFileSync(new URL(`operations/${file}`, schemaFolder), 'utf8')).definitions
    const name = definition && 'name' in definition ? definition.name!.value : ''
    const { data, errors } = await ask(name, await forApps[name]!())
    expect(errors).toBeUndefined()
    expect(Object.values(data)[0]).toMatchObject(name === 'Decisions' ? [{ reason: 'MATCHED' }] : { accepted: 1 })
  })

  async function ask(name: string, variables: Record<string, unknown>) {
    const extensions = { persistedQuery: { version: 1, sha256Hash: operationIds()[name] } }
    const response = await fetch(`${alkaid.gatewayUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-app-key': demo.appKey },
      body: JSON.stringify({ variables, extensions }),
    })
    // biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
    return (await response.json()) as any
  }

  /** What an app shows in a slot now. */
  function shownIn(slot: string): () => Promise<{ title: string; eventToken: string }[]> {
    return async () => (await ask('Decisions', { app, slots: [slot] })).data.decisions[0].creatives
  }

  function make(mutation: string, input: Record<string, unknown>): Promise<{ id: string; version: number }> {
    return call('operator', mutation, { input: { app, ...input } }, HEAD)
  }

  async function change(mutation: string, { id }: { id: string }, input: Record<string, unknown>): Promise<void> {
    const after = await call('operator', mutation, { input: { id, expectedVersion: 1, ...input } }, HEAD)
    expect(after).toMatchObject({ version: 2, revision: 2, reviewState: 'DRAFT' })
  }

  async function at(query: string, id: string): Promise<{ id: string; expectedVersion: number }> {
    return { id, expectedVersion: (await call('viewer', query, { id }, 'version')).version }
  }
}

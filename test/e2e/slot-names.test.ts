// A slot is named by its code or by its id, wherever it is named. The supergraph says where that is: a new place that is not in
// PLACES fails by its name.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { buildSchema, getNamedType, isInputObjectType } from 'graphql'
import { signToken } from '../../common/access/tokens.ts'
import { bookOne, eventually, startTestPlatform, type TestPlatform } from '../support/platform.ts'

const supergraph = readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8')
const schema = buildSchema(supergraph, { assumeValidSDL: true })

// biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
type Any = any

let alkaid: TestPlatform
let home: Awaited<ReturnType<typeof bookOne>>
const CODE = 'home.banner'

beforeAll(async () => {
  alkaid = await startTestPlatform()
  home = await bookOne(alkaid, 'home')
  await bookOne(alkaid, 'twin')
  await eventually(
    () => send(`{ decisions(app: "home", slots: ["${CODE}"]) { reason } }`),
    ({ data }) => data?.decisions?.[0].reason === 'MATCHED',
  )
}, 60_000)
afterAll(() => alkaid?.stop())

type Place = {
  /** The path of the name. */
  path: string
  /** The operation says which app. */
  inApp: boolean
  ask(name: string): Promise<Any>
  /** What shows that it was this slot. */
  shows: (answer: Any, slot: string) => void
  /** The code of the error on an unknown name. */
  unknown?: string
}

const version = async (slot: string) => (await send(`{ slot(id: "${slot}") { version } }`)).data.slot.version
const creative = () => `creatives: [{creative: "${home.creative}"}]`

const PLACES: Record<string, Place> = {
  'slot id': {
    path: 'id',
    inApp: false,
    ask: (name) => send(`{ slot(id: "${name}") { id code } }`),
    shows: ({ slot }, id) => expect(slot).toEqual({ id, code: CODE }),
  },
  'schedules filter.slot': {
    path: 'filter.slot',
    inApp: true,
    ask: (name) => send(`{ schedules(app: "home", filter: {slot: "${name}"}) { nodes { slot { id } } } }`),
    shows: ({ schedules }, id) => expect(schedules.nodes[0].slot.id).toBe(id),
  },
  'createSchedule input.slot': {
    path: 'input.slot',
    inApp: true,
    ask: (name) =>
      send(
        `mutation { createSchedule(input: {app: "home", slot: "${name}", content: {name: "S", ${creative()}}}) { slot { id } } }`,
      ),
    shows: ({ createSchedule }, id) => expect(createSchedule.slot.id).toBe(id),
    unknown: 'BAD_USER_INPUT',
  },
  'duplicateSchedule input.slot': {
    path: 'input.slot',
    inApp: true,
    async ask(name) {
      const { data } = await send(`{ schedule(id: "${home.schedule}") { version } }`)
      return send(`mutation { duplicateSchedule(input: {id: "${home.schedule}", expectedVersion: ${data.schedule.version},
        slot: "${name}"}) { slot { id } } }`)
    },
    shows: ({ duplicateSchedule }, id) => expect(duplicateSchedule.slot.id).toBe(id),
    unknown: 'BAD_USER_INPUT',
  },
  ...Object.fromEntries(
    ['publishSlot', 'stopSlot', 'restartSlot'].map((mutation): [string, Place] => [
      `${mutation} input.slot`,
      {
        path: 'input.slot',
        inApp: false,
        async ask(name) {
          const before = await version(home.slot)
          if (mutation === 'restartSlot') await onSlot('stopSlot', home.slot, before)
          const answer = await onSlot(mutation, name, await version(home.slot))
          await onSlot('restartSlot', home.slot, await version(home.slot)) // refused where nothing stopped it
          return answer
        },
        shows: (data, id) => expect(data[mutation].slot.id).toBe(id),
      },
    ]),
  ),
  'rollbackSlot input.slot': {
    path: 'input.slot',
    inApp: false,
    async ask(name) {
      const { data } = await send(`{ publication(app: "home", slot: "${CODE}") { revision } }`)
      return send(`mutation { rollbackSlot(input: {slot: "${name}", expectedVersion: ${await version(home.slot)},
        to: ${data.publication.revision - 1}}) { slot { id } } }`)
    },
    shows: ({ rollbackSlot }, id) => expect(rollbackSlot.slot.id).toBe(id),
  },
  'updateSlot input.id': {
    path: 'input.id',
    inApp: false,
    ask: async (name) =>
      send(
        `mutation { updateSlot(input: {id: "${name}", expectedVersion: ${await version(home.slot)}, name: "Banner ${Date.now()}"}) { id } }`,
      ),
    shows: ({ updateSlot }, id) => expect(updateSlot.id).toBe(id),
  },
  'archiveSlot input.id': {
    path: 'input.id',
    inApp: false,
    ask: (name) => send(`mutation { archiveSlot(input: {id: "${name}", expectedVersion: 999}) { id } }`),
    shows: () => {},
  },
  'unarchiveSlot input.id': {
    path: 'input.id',
    inApp: false,
    ask: (name) => send(`mutation { unarchiveSlot(input: {id: "${name}", expectedVersion: 999}) { id } }`),
    shows: () => {},
  },
  'reviewQueue filter.slot': {
    path: 'filter.slot',
    inApp: true,
    ask: (name) => send(`{ reviewQueue(app: "home", filter: {slot: "${name}"}) { total nodes { id } } }`),
    shows: ({ reviewQueue }) => expect(reviewQueue.total).toBeGreaterThan(0),
  },
  'history subject.id': {
    path: 'subject.id',
    inApp: false,
    ask: (name) => send(`{ history(subject: {type: SLOT, id: "${name}"}) { nodes { mutation after } } }`),
    shows: ({ history }, id) => expect(history.nodes.at(-1).after._id).toBe(id),
  },
  'publications slot': {
    path: 'slot',
    inApp: true,
    ask: (name) => send(`{ publications(app: "home", slot: "${name}") { nodes { slot { id } } } }`),
    shows: ({ publications }, id) => expect(publications.nodes[0].slot.id).toBe(id),
  },
  'publication slot': {
    path: 'slot',
    inApp: true,
    ask: (name) => send(`{ publication(app: "home", slot: "${name}") { slot { id } } }`),
    shows: ({ publication }, id) => expect(publication.slot.id).toBe(id),
  },
  'preview slot': {
    path: 'slot',
    inApp: true,
    ask: (name) => send(`{ preview(app: "home", slot: "${name}") { slot reason } }`),
    shows: ({ preview }) => expect(preview).toEqual({ slot: CODE, reason: 'MATCHED' }),
  },
  'explainDecision slot': {
    path: 'slot',
    inApp: true,
    ask: (name) => send(`{ explainDecision(app: "home", slot: "${name}") { slot schedules { schedule { id } } } }`),
    shows: ({ explainDecision }) =>
      expect(explainDecision).toMatchObject({ slot: CODE, schedules: [{ schedule: { id: home.schedule } }] }),
  },
  'recordEvents input.events.source.slot': {
    path: 'input.events[0].source.slot',
    inApp: true,
    ask: (name) =>
      send(`mutation { recordEvents(input: {app: "home", events: [{id: "${name.replace('/', '.')}", type: CLICK, at: "2026-01-02T03:04:05Z",
        source: {slot: "${name}", schedule: "${home.schedule}", creative: "${home.creative}"}}]}) { accepted } }`),
    shows: ({ recordEvents }) => expect(recordEvents.accepted).toBe(1),
    unknown: 'BAD_USER_INPUT',
  },
  'report ids': {
    path: 'ids[0]',
    inApp: true,
    ask: (name) => send(reportOf(name)),
    shows: ({ report }, id) => expect(report.rows.map((row: Any) => row.id)).toEqual(report.rows.length ? [id] : []),
  },
}

/** Answered otherwise, or not about slots that there are. */
const OTHERS = ['decisions slots', 'createSlot input.code']

describe('A slot', () => {
  test('is named in these places, and no others', () => {
    const named = [schema.getQueryType()!, schema.getMutationType()!].flatMap((type) =>
      Object.values(type.getFields()).flatMap(({ name: field, args }) =>
        args.flatMap(({ name, type }) => slotsIn(type, name).map((path) => `${field} ${path}`)),
      ),
    )
    const ids = [
      'slot id',
      'updateSlot input.id',
      'archiveSlot input.id',
      'unarchiveSlot input.id',
      'history subject.id',
      'report ids',
      OTHERS[1]!,
    ]
    expect([...named, ...ids].sort()).toEqual([...Object.keys(PLACES), ...OTHERS].sort())
  })

  test.each(Object.keys(PLACES))('is taken by its id and by its code: %s', async (name) => {
    const { ask, shows, inApp, path } = PLACES[name]!
    if (name === 'reviewQueue filter.slot') await waiting()
    const names = inApp ? [home.slot, CODE, `home/${CODE}`, ` ${CODE} `] : [home.slot, `home/${CODE}`]
    for (const one of names) {
      const { data, errors } = await ask(one)
      if (/rchiveSlot input.id$/.test(name)) expect(errors[0].extensions.code).toBe('CONFLICT')
      else expect(errors).toBeUndefined()
      shows(data, home.slot)
    }
    if (inApp) return
    const several = await ask(CODE)
    expect(several.errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', path })
    expect(several.errors[0].message).toContain(`home/${CODE} or twin/${CODE}`)
  })

  test.each(Object.keys(PLACES))('that there is not is an error with its path: %s', async (name) => {
    const { ask, path, unknown = 'NOT_FOUND' } = PLACES[name]!
    for (const none of ['no.such', 'slt_none', 'twin/no.such', 'nowhere/home.banner']) {
      const { errors } = await ask(none)
      expect([none, errors?.[0]?.extensions]).toEqual([none, expect.objectContaining({ code: unknown, path })])
    }
  })

  test('of another app is as if there were none', async () => {
    const { data } = await send(`{ slot(id: "twin/${CODE}") { id } }`)
    for (const [name, { inApp, ask, path, unknown = 'NOT_FOUND' }] of Object.entries(PLACES)) {
      if (!inApp) continue
      for (const strange of [data.slot.id, `twin/${CODE}`]) {
        const { errors } = await ask(strange)
        expect([name, errors?.[0]?.extensions]).toEqual([name, expect.objectContaining({ code: unknown, path })])
      }
    }
  })

  test('is found by its code alone where the caller may read one app of those that have it', async () => {
    const token = await signToken(alkaid.platform.tokens, { actor: 'ann', roles: { home: ['viewer'] } })
    expect((await send(`{ slot(id: "${CODE}") { id } }`, token)).data.slot.id).toBe(home.slot)
    const { errors } = await send(`{ slot(id: "twin/${CODE}") { id } }`, token)
    expect(errors[0].extensions).toMatchObject({ code: 'NOT_FOUND', path: 'id' })
  })

  test('is decided by either; what a node does not know it answers from memory', async () => {
    const { data } = await send(
      `{ decisions(app: "home", slots: ["${home.slot}", "no.such", "slt_none"]) { slot reason } }`,
    )
    expect(data.decisions).toEqual([
      { slot: CODE, reason: 'MATCHED' },
      { slot: 'no.such', reason: 'UNKNOWN_SLOT' },
      { slot: 'slt_none', reason: 'UNKNOWN_SLOT' },
    ])
    const { errors } = await send(`{ decisions(app: "home", slots: ["${home.slot}", "${CODE}"]) { slot } }`)
    expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'slots' })
  })

  test('never has a code that reads as an id', async () => {
    const { errors } = await send(
      'mutation { createSlot(input: {app: "home", code: "slt_home", name: "Home"}) { id } }',
    )
    expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.code' })
  })

  test('counts events under its id, in whichever way an import named it', async () => {
    // Four names, two of which are the same but for the spaces around them: so are the ids of their events.
    const counted = async () => (await send(reportOf(home.slot))).data.report
    expect((await eventually(counted, ({ total }) => total.clicks === 3)).rows).toHaveLength(1)
  })
})

describe('What is no slot', () => {
  test.each([
    ['schedule', 'creative'],
    ['creative', 'schedule'],
    ['strategy', 'creative'],
    ['segment', 'schedule'],
    ['review', 'creative'],
    ['submission', 'schedule'],
  ] as const)('is not looked for by the id of something else: %s', async (query, other) => {
    const { errors } = await send(`{ ${query}(id: "${home[other]}") { id } }`)
    expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'id' })
    expect(errors[0].message).toContain(`must be the id of a ${query}`)
  })

  test('is not narrowed by the id of something else either', async () => {
    for (const field of ['creative', 'strategy', 'pinnedCreative', 'pinnedStrategy', 'pinnedSegment']) {
      const { errors } = await send(`{ schedules(app: "home", filter: {${field}: "${home.schedule}"}) { total } }`)
      expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: `filter.${field}` })
    }
    const { errors } = await send(`{ history(subject: {type: CREATIVE, id: "${home.schedule}"}) { total } }`)
    expect(errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'subject.id' })
  })

  test.each(['slots', 'schedules', 'creatives', 'strategies', 'segments', 'reviewQueue', 'publications'])(
    'is not listed of an app that there is not: %s',
    async (list) => {
      const { errors } = await send(`{ ${list}(app: "nowhere") { nodes { __typename } } }`)
      expect(errors[0].extensions).toMatchObject({ code: 'NOT_FOUND', path: 'app' })
    },
  )
})

const onSlot = (mutation: string, name: string, expectedVersion: number) =>
  send(`mutation { ${mutation}(input: {slot: "${name}", expectedVersion: ${expectedVersion}}) { slot { id } } }`)

/** Something of the slot is with the reviewers. */
async function waiting(): Promise<void> {
  const { data } = await send(`mutation { createSchedule(input: {app: "home", slot: "${CODE}",
    content: {name: "Waits", ${creative()}}}) { id } }`)
  await send(
    `mutation { submitForReview(input: {subject: {type: SCHEDULE, id: "${data.createSchedule.id}"}, expectedVersion: 1}) { id } }`,
  )
}

function reportOf(slot: string): string {
  const period = 'from: "2026-01-02T00:00:00Z", to: "2026-01-03T00:00:00Z", interval: TOTAL'
  return `{ report(app: "home", by: SLOT, ids: ["${slot}"], ${period}) { rows { id } total { clicks } } }`
}

async function send(query: string, token = alkaid.tokens.admin): Promise<Any> {
  const response = await fetch(`${alkaid.platform.gatewayUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  })
  return response.json()
}

/** The paths of what is called `slot` or `slots` in an argument. */
function slotsIn(type: Parameters<typeof getNamedType>[0], path: string, within: readonly string[] = []): string[] {
  const last = path.split('.').at(-1)!
  const named = getNamedType(type)!
  if (!isInputObjectType(named)) return last === 'slot' || last === 'slots' ? [path] : []
  if (within.includes(named.name)) return []
  return Object.values(named.getFields()).flatMap((field) =>
    slotsIn(field.type, `${path}.${field.name}`, [...within, named.name]),
  )
}

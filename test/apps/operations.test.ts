// Apps bring their own operations: what a manifest must be, and what registering, replacing and removing does to the list.

import { beforeAll, describe, expect, test } from '@jest/globals'
import { sha256 } from '../../common/base/content-hash.ts'
import { OPERATIONS } from '../../common/channel/channel.ts'
import type { Change } from '../../common/store/changes.ts'
import { openAt } from '../../engine/publication/sign.ts'
import { DAY_MS } from '../../engine/time/days.ts'
import { EVENTS_BODY, entryOf, type ManifestEntry, manifestOf, slotQuery } from '../support/manifests.ts'
import { freshCode, makeApp, type Planning, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
type Any = any

const SHOWN = 'hash name type body builtIn registeredAt registeredBy uses lastUsedAt'
const REGISTER = `mutation ($input: RegisterOperationsInput!) {
  registerOperations(input: $input) { version operations { ${SHOWN} } } }`
const CHECK = `query ($app: ID!, $manifest: JSON!) {
  checkOperations(app: $app, manifest: $manifest) { version unchanged added { ${SHOWN} } removed { ${SHOWN} } } }`
const LIST = `query ($app: ID!) { operations(app: $app) { version app { id } operations { ${SHOWN} } } }`

const textOf = (instant: number) => new Date(instant).toISOString()

const HOME = slotQuery('Home')
const FEED = slotQuery('Feed', 'slot reason')

describeEachStore('The operations of an app', (open) => {
  let planning: Planning
  let app: string
  beforeAll(async () => {
    planning = await startPlanning(await open())
    app = await makeApp(planning)
  })

  const ask = (query: string, variables: object, actor = 'admin') =>
    planning.schedule.ask(actor, query, variables as Record<string, unknown>)
  const register = (input: object, actor = 'admin') =>
    planning.schedule.must(actor, REGISTER, { input: { app, expectedVersion: 1, ...input } })
  const list = (of = app) => planning.schedule.must('viewer', LIST, { app: of })
  const namesOf = ({ operations }: Any) => operations.map(({ name }: Any) => name)

  async function failure(manifest: unknown): Promise<{ code: string; path: string; messages: string[] }> {
    const { errors } = await ask(REGISTER, { input: { app, expectedVersion: 1, manifest } })
    if (!errors?.[0]) throw new Error('The manifest was registered')
    const { message, extensions = {} } = errors[0]
    const all = (extensions.errors as { path: string; message: string }[]) ?? []
    const messages = all.length > 0 ? all.map((one) => `${one.path}: ${one.message}`) : [message]
    return { code: extensions.code as string, path: extensions.path as string, messages }
  }

  /** The only mistake of a manifest with this operation at index 1. */
  async function mistakeOf(entry: Partial<ManifestEntry>): Promise<string> {
    const manifest = { ...manifestOf(HOME), operations: [entryOf(HOME), entry] }
    const { code, messages } = await failure(manifest)
    expect([code, messages.length]).toEqual(['BAD_USER_INPUT', 1])
    return messages[0]!
  }
  const mistakeIn = (body: string) => mistakeOf({ ...entryOf(body) })
  const named = (name: string, type: string, body: string) => ({ id: sha256(body), name, type, body })

  describe('A manifest is refused', () => {
    test('when it is not the manifest that Apollo writes', async () => {
      const manifest = manifestOf(HOME)
      for (const [wrong, path] of [
        [[], 'input.manifest'],
        ['text', 'input.manifest'],
        [{ ...manifest, format: 'relay' }, 'input.manifest.format'],
        [{ ...manifest, version: 2 }, 'input.manifest.version'],
        [{ ...manifest, operations: {} }, 'input.manifest.operations'],
        [{ ...manifest, operations: [{ ...manifest.operations[0], id: 'short' }] }, 'input.manifest.operations[0].id'],
        [{ ...manifest, operations: [{ ...manifest.operations[0], body: 1 }] }, 'input.manifest.operations[0].body'],
      ] as const) {
        expect(await failure(wrong)).toMatchObject({ code: 'BAD_USER_INPUT', path })
      }
    })

    test('when an id is not the hash of its body, and when an id repeats', async () => {
      const edited = { ...entryOf(FEED), body: `${FEED}\n` }
      expect(await mistakeOf(edited)).toMatch(
        /^input\.manifest\.operations\[1\]\.id: "Feed" has a body with the SHA-256 [0-9a-f]{64}\. Both must agree/,
      )
      expect(await mistakeIn(HOME)).toBe(
        'input.manifest.operations[1].id: "Home" is the id of operations[0], too: list each operation once',
      )
    })

    test.each([
      [
        slotQuery('Bad', 'colour'),
        '"Bad" is not valid: Cannot query field "colour" on type "Decision". (line 3, column 5)',
      ],
      [
        'query Bad { decisions(app: "a", slots: [1]) { slot } }',
        '"Bad" is not valid: String cannot represent a non string value: 1 (line 1, column 41)',
      ],
      [
        'query Bad { decisions(app: "a", slots: ["b"]) { slot }',
        '"Bad" is not valid: Syntax Error: Expected Name, found <EOF>. (line 1, column 55)',
      ],
      [
        'query Bad { apps { total } }',
        '"Bad" may have only decisions or only recordEvents at its top, and has apps: apps can send nothing else',
      ],
      [
        'query Bad { ...F } fragment F on Query { decisions(app: "a", slots: ["b"]) { slot } report(app: "a") { total } }',
        '"Bad" may have only decisions or only recordEvents at its top, and has decisions, report: apps can send nothing else',
      ],
      [
        'query Bad { __typename }',
        '"Bad" may have only decisions or only recordEvents at its top, and has none: apps can send nothing else',
      ],
      [
        'query Bad { __schema { queryType { name } } }',
        '"Bad" may have only decisions or only recordEvents at its top, and has __schema: apps can send nothing else',
      ],
      [
        'query Bad { explainDecision(app: "a", slot: "b") { reason } }',
        '"Bad" may have only decisions or only recordEvents at its top, and has explainDecision: apps can send nothing else',
      ],
      [
        'query Bad { _service { sdl } }',
        '"Bad" may have only decisions or only recordEvents at its top, and has _service: apps can send nothing else',
      ],
      [`${slotQuery('Bad')} query Other { __typename }`, '"Bad" must hold exactly one operation, and holds 2'],
      ['fragment F on Decision { slot }', '"Bad" must hold exactly one operation, and holds 0'],
      [
        'query Bad { ...F } fragment F on Query { ...F }',
        '"Bad" is too large: query: the fragment F must not contain itself',
      ],
    ])('with the operation %j', async (body, message) => {
      expect(await mistakeOf(named('Bad', 'query', body))).toBe(`input.manifest.operations[1].body: ${message}`)
    })

    test('when name or type differ from those in the body', async () => {
      const { code, messages } = await failure({
        ...manifestOf(HOME),
        operations: [{ ...entryOf(HOME), name: 'Start', type: 'mutation' }],
      })
      expect([code, messages]).toEqual([
        'BAD_USER_INPUT',
        [
          'input.manifest.operations[0].name: "Start" must be the name of the operation in the body, which is named Home',
          'input.manifest.operations[0].type: "Start" must be the type of the operation in the body: query',
        ],
      ])
      expect(await mistakeOf(named('Bad', 'subscription', 'subscription Bad { decisions { slot } }'))).toMatch(
        /operations\[1\]\.type: must be "query" or "mutation"/,
      )
    })

    test('when an operation goes beyond the limits on queries, or takes nodes too long to compile', async () => {
      const aliases = Array.from({ length: 16 }, (_, index) => `a${index}: slot`).join(' ')
      expect(await mistakeIn(slotQuery('Wide', aliases))).toContain(
        '"Wide" is too large: A query may have at most 15 aliases',
      )
      const deep = (n: number): string => (n === 0 ? 'slot' : `... on Decision { ${deep(n - 1)} }`)
      expect(await mistakeIn(slotQuery('Deep', deep(300)))).toContain('200 braces within each other')
      const flags = Array.from({ length: 7 }, (_, index) => `f${index}`)
      const withFlags = (body: string, names: string[]) =>
        body.replace('query Flags(', `query Flags(${names.map((name) => `$${name}: Boolean!, `).join('')}`)
      const included = flags.map((name) => `... @include(if: $${name}) { slot }`).join(' ')
      expect(await mistakeIn(withFlags(slotQuery('Flags', included), flags))).toContain(
        '"Flags" may use at most 6 variables in @skip and @include, and uses 7',
      )
      const six = flags.slice(0, 6)
      const many = `${six.map((name) => `... @include(if: $${name}) { slot }`).join(' ')} ...F`
      const fragments = Array.from({ length: 99 }, (_, index) => `...F${index}`).join(' ')
      const parts = Array.from(
        { length: 99 },
        (_, index) => `fragment F${index} on Decision { slot reason creatives { title link text } }`,
      )
      const body = `${withFlags(slotQuery('Flags', many), six)} fragment F on Decision { ${fragments} } ${parts.join(' ')}`
      expect(await mistakeIn(body)).toMatch(
        /"Flags" (has [\d,]+ fields, counted once for each combination of its 6 variables|is too large)/,
      )
    })

    test('with the mistakes of all operations, but at most fifty', async () => {
      const bad = Array.from({ length: 60 }, (_, index) => slotQuery(`Bad${index}`, 'colour'))
      const { messages } = await failure(manifestOf(HOME, ...bad))
      expect(messages).toHaveLength(50)
      expect(messages[0]).toContain('input.manifest.operations[1].body: "Bad0" is not valid')
      expect(messages[49]).toContain('input.manifest.operations[50].body: "Bad49" is not valid')
    })

    test('with more than 500 operations, or more than 500,000 bytes', async () => {
      const many = Array.from({ length: 501 }, (_, index) => slotQuery(`Q${index}`))
      expect(await failure(manifestOf(...many))).toMatchObject({
        code: 'LIMIT_EXCEEDED',
        messages: [expect.stringContaining('at most 500 operations of its own, and this manifest has 501')],
      })
      const long = (name: string) => `${slotQuery(name)}${' '.repeat(99_900)}`
      const { code, messages } = await failure(manifestOf(...['A', 'B', 'C', 'D', 'E', 'F'].map(long)))
      expect([code, messages[0]]).toEqual(['LIMIT_EXCEEDED', expect.stringContaining('at most 500,000 bytes together')])
    })

    test('after the role was checked: without the right, no work is done for it', async () => {
      const input = { app, expectedVersion: 1, manifest: manifestOf('query Bad { nothing }') }
      for (const role of ['viewer', 'operator', 'publisher']) {
        expect((await ask(REGISTER, { input }, role)).errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
      }
    })
  })

  describe('Registering', () => {
    test('stores the list, logs who did it without the bodies, and writes the signed list to the channel', async () => {
      app = await makeApp(planning)
      expect(await list()).toEqual({ version: 1, app: { id: app }, operations: [] })
      expect(await planning.services.channel.read([{ app, code: OPERATIONS }])).toEqual([null])
      const manifest = manifestOf(HOME, EVENTS_BODY)
      // Other tools add fields of their own, such as clientName.
      const withMore = {
        ...manifest,
        operations: manifest.operations.map((entry) => ({ ...entry, clientName: 'web' })),
      }
      const registered = await register({ manifest: withMore })
      const own = { builtIn: false, registeredBy: 'admin', uses: 0, lastUsedAt: null }
      expect(registered).toEqual({
        version: 2,
        operations: [
          expect.objectContaining({ ...own, hash: sha256(HOME), name: 'Home', type: 'QUERY', body: HOME }),
          expect.objectContaining({ ...own, hash: sha256(EVENTS_BODY), name: 'Seen', type: 'MUTATION' }),
        ],
      })
      expect(await list()).toEqual({ ...registered, app: { id: app } })
      const [entry] = await planning.services.store
        .collection<Change>('changes')
        .find({ mutation: 'registerOperations', app })
      expect(entry).toMatchObject({ subject: { type: 'APP', id: app }, before: { operations: [] } })
      expect(JSON.stringify(entry)).not.toContain('decisions(')
      expect(JSON.stringify(entry)).toContain(sha256(HOME))
      const address = { app, code: OPERATIONS }
      const [sealed] = await planning.services.channel.read([address])
      expect(openAt(planning.services.keys, address, sealed!)).toEqual({
        ...{ kind: 'operations', app, epoch: planning.services.store.epoch, revision: 2 },
        operations: [HOME, EVENTS_BODY].map((body) => ({ id: sha256(body), name: entryOf(body).name, body })),
      })
    })

    test('replaces the list as a whole, keeps who registered what stays, and writes nothing when nothing changes', async () => {
      const before = await list()
      planning.clock.advance(1_000)
      const after = await planning.schedule.must('admin-2', REGISTER, {
        input: { app, expectedVersion: 2, manifest: manifestOf(FEED, HOME) },
      })
      expect(namesOf(after)).toEqual(['Feed', 'Home'])
      expect(after.operations[0]).toMatchObject({ registeredBy: 'admin-2' })
      expect(after.operations[1]).toEqual(before.operations[0])
      expect(await register({ expectedVersion: 3, manifest: manifestOf(HOME, FEED) })).toEqual({ ...after, version: 3 })
      expect(await register({ expectedVersion: 3, manifest: manifestOf() })).toEqual({ version: 4, operations: [] })
    })

    test('takes two operations of one name: those of an earlier and of a newer version of the app', async () => {
      const manifest = manifestOf(HOME, slotQuery('Home', 'slot reason'))
      expect(namesOf(await register({ expectedVersion: 4, manifest }))).toEqual(['Home', 'Home'])
    })

    test('of an app that does not exist is NOT_FOUND', async () => {
      const input = { app: freshCode(), expectedVersion: 1, manifest: manifestOf(HOME) }
      expect((await ask(REGISTER, { input })).errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
      expect((await ask(LIST, { app: 'nothing' })).errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
      expect((await ask(CHECK, { app: 'nothing', manifest: manifestOf() })).errors?.[0]?.extensions?.code).toBe(
        'NOT_FOUND',
      )
    })
  })

  describe('An operation that apps use', () => {
    const report = (reporter: string, day: number, uses: Record<string, [number, number]>) =>
      planning.services.channel.reportUses({ reporter, days: [{ day, apps: { [app]: uses } }] })
    const today = () => Math.floor(planning.clock.now() / DAY_MS) * DAY_MS

    beforeAll(async () => {
      app = await makeApp(planning)
      await register({ manifest: manifestOf(HOME, FEED) })
      const usedAt = planning.clock.now()
      await report('node-1', today(), { [sha256(HOME)]: [1_200, usedAt - 5_000] })
      await report('node-2', today(), { [sha256(HOME)]: [3, usedAt - 1_000] })
    })

    test('shows in a check with its uses on all nodes, and the check changes nothing', async () => {
      const check = await planning.schedule.must('viewer', CHECK, { app, manifest: manifestOf(FEED, EVENTS_BODY) })
      expect(check).toMatchObject({ version: 2, unchanged: 1, added: [{ name: 'Seen', uses: 0, registeredAt: null }] })
      expect(check.removed).toMatchObject([
        { name: 'Home', uses: 1_203, lastUsedAt: textOf(planning.clock.now() - 1_000) },
      ])
      expect(await list()).toMatchObject({ version: 2, operations: [{ name: 'Feed' }, { name: 'Home', uses: 1_203 }] })
    })

    test('is removed only when its hash confirms it', async () => {
      const input = { app, expectedVersion: 2, manifest: manifestOf() }
      const { errors } = await ask(REGISTER, { input })
      expect(errors?.[0]?.message).toMatch(
        /^Apps still use operations that the manifest lacks: Home \([0-9a-f]{8}…, used 1,203 times, the last on 2031-/,
      )
      expect(errors?.[0]?.extensions).toMatchObject({
        code: 'INVALID_STATE',
        operations: [{ hash: sha256(HOME), name: 'Home', uses: 1_203 }],
      })
      expect((await list()).version).toBe(2)
      const others = { ...input, removeUsed: [sha256(FEED)] }
      expect((await ask(REGISTER, { input: others })).errors?.[0]?.extensions?.code).toBe('INVALID_STATE')
      const confirmed = await register({
        expectedVersion: 2,
        manifest: manifestOf(),
        removeUsed: [sha256(HOME).toUpperCase()],
      })
      expect(confirmed).toEqual({ version: 3, operations: [] })
    })

    test('counts the same when reports repeat, come late, or come out of order', async () => {
      await register({ expectedVersion: 3, manifest: manifestOf(HOME) })
      const usedAt = planning.clock.now()
      for (const count of [1_300, 1_250, 1_300]) {
        await report('node-1', today(), { [sha256(HOME)]: [count, usedAt] })
        await ask(CHECK, { app, manifest: manifestOf() })
      }
      expect((await list()).operations).toMatchObject([{ uses: 1_303, lastUsedAt: textOf(usedAt) }])
    })

    test('may be removed once it was not used for 30 days', async () => {
      planning.clock.advance(29 * DAY_MS)
      expect((await list()).operations).toMatchObject([{ uses: 1_303 }])
      planning.clock.advance(DAY_MS)
      expect((await list()).operations).toMatchObject([{ uses: 0, lastUsedAt: null }])
      expect(await register({ expectedVersion: 4, manifest: manifestOf() })).toMatchObject({ version: 5 })
    })
  })
})

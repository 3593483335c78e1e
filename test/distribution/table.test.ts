import { describe, expect, test } from '@jest/globals'
import { type Address, OPERATIONS, SETTINGS } from '../../common/channel/channel.ts'
import { digestOf } from '../../engine/publication/digest.ts'
import { mac, openAt } from '../../engine/publication/sign.ts'
import type { ChannelDocument } from '../../engine/publication/types.ts'
import type { Constraint } from '../../engine/targeting/types.ts'
import { createTable } from '../../subgraphs/distribution/table.ts'
import {
  addressOf,
  apply,
  listDocument,
  operationsDocument,
  sealed,
  settingsDocument,
  slotDocument,
  testKeys,
} from '../support/documents.ts'

function tableWith(...documents: ChannelDocument[]) {
  const table = createTable()
  for (const document of documents) expect(apply(table, document)).toBe('applied')
  return table
}

describe('a table', () => {
  test('is empty at first', () => {
    const table = tableWith()
    expect(table.apps()).toBeUndefined()
    expect(table.settings('shop')).toBeUndefined()
    expect(table.slot('shop', 'home')).toBeUndefined()
    expect(table.stamps('shop')).toEqual(new Map())
    expect([...table.entries()]).toEqual([])
  })

  test('returns what was applied', () => {
    const table = tableWith(listDocument(1, ['shop']), settingsDocument('shop', 2), slotDocument('shop', 'home', 3))
    expect(table.apps()).toEqual(['shop'])
    expect(table.settings('shop')).toMatchObject({ zone: 'UTC' })
    expect(table.slot('shop', 'home')).toMatchObject({ code: 'home', stamp: { epoch: 1, revision: 3 } })
    expect(table.at('apps')?.stamp).toEqual({ epoch: 1, revision: 1 })
  })

  test('refuses settings with an unknown time zone, and keeps the earlier settings', () => {
    const table = tableWith(settingsDocument('shop', 1))
    expect(() => apply(table, settingsDocument('shop', 2, { zone: 'Mars/Olympus' }))).toThrow(RangeError)
    expect(table.settings('shop')).toMatchObject({ revision: 1, zone: 'UTC' })
  })

  test('changes only for a higher revision or epoch', () => {
    const table = tableWith(slotDocument('shop', 'home', 3))
    const offer = (epoch: number, revision: number) => apply(table, slotDocument('shop', 'home', revision, { epoch }))
    expect(offer(1, 2)).toBe('lower')
    expect(offer(0, 9)).toBe('lower')
    expect(offer(1, 3)).toBe('same')
    expect(table.slot('shop', 'home')!.stamp).toEqual({ epoch: 1, revision: 3 })
    expect(offer(1, 4)).toBe('applied')
    expect(offer(2, 1)).toBe('applied')
    expect(table.slot('shop', 'home')!.stamp).toEqual({ epoch: 2, revision: 1 })
  })

  test('stays as it is when a publication cannot be compiled', () => {
    const table = tableWith(slotDocument('shop', 'home', 3))
    const next = slotDocument('shop', 'home', 4)
    next.entries[0]!.constraint = { dimension: 'moon', operator: 'IN', values: ['full'] } satisfies Constraint
    expect(() => apply(table, next)).toThrow('unknown dimension or operator moon IN')
    expect(table.slot('shop', 'home')!.stamp.revision).toBe(3)
  })

  test('allows the origins in the current settings of all listed apps', () => {
    const settings = (app: string, revision: number, ...corsOrigins: string[]) => ({
      ...settingsDocument(app, revision),
      corsOrigins,
    })
    const table = tableWith(listDocument(1, ['shop']), settings('shop', 1, 'https://a.example'))
    const allowed = () => ['https://a.example', 'https://b.example'].filter(table.allowsOrigin)
    expect(allowed()).toEqual(['https://a.example'])
    apply(table, settings('shop', 2, 'https://b.example'))
    expect(allowed()).toEqual(['https://b.example'])
    apply(table, settings('other', 1, '*'))
    expect(allowed()).toEqual(['https://b.example'])
    apply(table, listDocument(2, ['shop', 'other']))
    expect(allowed()).toEqual(['https://a.example', 'https://b.example'])
  })

  test('finds no slot under the name of the settings, or under names that every object has', () => {
    const table = tableWith(settingsDocument('shop', 1))
    for (const code of [SETTINGS, '__proto__', 'constructor']) expect(table.slot('shop', code)).toBeUndefined()
    expect(table.settings('__proto__')).toBeUndefined()
  })

  test('computes a digest of all entries of an app, settings included, again after each change', () => {
    const table = tableWith(settingsDocument('shop', 2), slotDocument('shop', 'home', 3), slotDocument('other', 'x', 1))
    const digest = table.digest('shop')
    expect(digest).toBe(
      digestOf([
        ['home', '1.3'],
        [SETTINGS, '1.2'],
      ]),
    )
    apply(table, slotDocument('shop', 'home', 4))
    expect(table.digest('shop')).toBe(
      digestOf([
        [SETTINGS, '1.2'],
        ['home', '1.4'],
      ]),
    )
  })
})

describe('the operations of an app', () => {
  const operation = { id: 'hash', name: 'Home', body: '{ decisions(app: "shop", slots: ["home"]) { slot } }' }

  test('are replaced as a whole by a higher list only', () => {
    const table = tableWith(operationsDocument('shop', 2, [operation]))
    expect(apply(table, operationsDocument('shop', 1))).toBe('lower')
    expect(table.operations('shop')?.operations).toEqual([operation])
    expect(table.operations('other')).toBeUndefined()
    expect(apply(table, operationsDocument('shop', 3))).toBe('applied')
    expect(table.operations('shop')?.operations).toEqual([])
  })

  test('are one line of the digest, and neither a slot nor settings', () => {
    const table = tableWith(operationsDocument('shop', 2, [operation]))
    expect(table.digest('shop')).toBe(digestOf([[OPERATIONS, '1.2']]))
    expect(table.slot('shop', OPERATIONS)).toBeUndefined()
    expect(table.settings('shop')).toBeUndefined()
  })
})

describe('a document in the channel', () => {
  test('is refused at every address but its own', () => {
    const openedAt = (address: Address, document: ChannelDocument) => openAt(testKeys, address, sealed(document))
    const documents = [
      slotDocument('shop', 'home', 3),
      slotDocument('shop', 'feed', 3),
      slotDocument('other', 'home', 3),
      settingsDocument('shop', 1),
      operationsDocument('shop', 1),
      listDocument(1, []),
    ]
    for (const document of documents) {
      for (const { address, own } of documents.map((one) => ({ address: addressOf(one), own: one === document }))) {
        expect(openedAt(address, document)).toEqual(own ? document : { error: 'misplaced' })
      }
    }
  })

  test('is read as it was written, entry by entry', () => {
    const entry = slotDocument('shop', 'home', 3).entries[0]!
    const text = { '\n]}': ['"entries":[\n', '\u{1f600}'.repeat(40_000), '\ud83d'] }
    const entries = Array.from({ length: 90 }, (_, at) => ({ ...entry, priority: at, creatives: [] }))
    for (const count of [0, 1, 2, 90]) {
      const of = slotDocument('shop', 'home', 3, { entries: entries.slice(0, count) })
      of.entries[0]?.creatives.push({ ...entry.creatives[0]!, data: text, weight: 1 })
      expect(openAt(testKeys, addressOf(of), sealed(of))).toEqual(of)
      expect(JSON.parse(sealed(of)).body).toEqual(of)
    }
  })

  test('is read in the form of earlier versions, too: without a line for each entry', () => {
    const of = slotDocument('shop', 'home', 3)
    const body = JSON.stringify(of)
    const text = `{"mac":"${mac(testKeys.document, body)}","body":${body}}`
    expect(openAt(testKeys, addressOf(of), text)).toEqual(of)
    expect(openAt(testKeys, addressOf(of), text.replace('home', 'hone'))).toEqual({ error: 'forged' })
  })
})

describe('app keys', () => {
  const keys = [
    { hash: 'old', expiresAt: 1000 },
    { hash: 'new', expiresAt: null },
  ]

  test('lead to their app until they expire', () => {
    const table = tableWith(settingsDocument('shop', 1, { keys }), settingsDocument('other', 1))
    expect(table.appOfKey('old', 999)).toBe('shop')
    expect(table.appOfKey('old', 1000)).toBeUndefined()
    expect(table.appOfKey('new', 1e15)).toBe('shop')
    expect(table.appOfKey('hash-of-other-1', 0)).toBe('other')
    expect(table.appOfKey('wrong', 0)).toBeUndefined()
  })

  test('stop working when newer settings lack them', () => {
    const table = tableWith(settingsDocument('shop', 1, { keys }), settingsDocument('shop', 2, { keys: [keys[1]!] }))
    expect(table.appOfKey('old', 0)).toBeUndefined()
    expect(table.appOfKey('new', 0)).toBe('shop')
  })
})

describe('a table that adopts the entries of another table', () => {
  const documents = [listDocument(1, ['shop']), settingsDocument('shop', 2), slotDocument('shop', 'home', 3)]

  test('shares its compiled slots and knows its keys', () => {
    const [old, next] = [tableWith(...documents), tableWith()]
    for (const entry of old.entries()) expect(next.adopt(entry)).toBe('applied')
    expect(next.slot('shop', 'home')).toBe(old.slot('shop', 'home'))
    expect(next.apps()).toEqual(['shop'])
    expect(next.appOfKey('hash-of-shop-2', 0)).toBe('shop')
    expect(next.digest('shop')).toBe(old.digest('shop'))
  })

  test('keeps its own entries with a higher stamp', () => {
    const [old, next] = [tableWith(...documents), tableWith(slotDocument('shop', 'home', 4))]
    expect([...old.entries()].map((entry) => next.adopt(entry))).toEqual(['applied', 'applied', 'lower'])
    expect(next.slot('shop', 'home')!.stamp.revision).toBe(4)
  })
})

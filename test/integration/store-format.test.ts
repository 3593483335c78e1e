// A database says in which format its documents are, so that no version reads what it would take for something else.

import { expect, test } from '@jest/globals'
import { FORMAT, openMeta } from '../../common/store/meta.ts'
import type { Store } from '../../common/store/store.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('The format of a database', (open) => {
  const databaseOf = ({ client, database }: Store) => client.db(database)
  const metaOf = (store: Store) => databaseOf(store).collection('meta')
  const openAgain = (store: Store, now = Date.now) => openMeta(databaseOf(store), now)

  test('is written when it is first used, with the epoch, and neither changes when it is opened again', async () => {
    const store = await open(() => 1_000_000)
    expect(await metaOf(store).find().toArray()).toEqual([{ _id: 'epoch', epoch: 1_000, format: FORMAT }])
    expect(await openAgain(store, () => 9_000_000)).toBe(1_000)
    expect(await metaOf(store).find().toArray()).toEqual([{ _id: 'epoch', epoch: 1_000, format: FORMAT }])
  })

  test('refuses a database that another version wrote, saying what to do', async () => {
    const store = await open()
    await metaOf(store).updateOne({}, { $set: { format: FORMAT + 1 } })
    await expect(openAgain(store)).rejects.toThrow(
      `the database is in format ${FORMAT + 1}, and this version of Alkaid reads and writes format ${FORMAT} only: start with`,
    )
  })

  test('refuses one from before databases said their format, and leaves it as it is', async () => {
    const store = await open()
    await metaOf(store).updateOne({}, { $unset: { format: true } })
    await expect(openAgain(store)).rejects.toThrow('the database is in format 1,')
    expect(await metaOf(store).findOne()).not.toHaveProperty('format')
  })
})

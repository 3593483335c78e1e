// A database says in which layout its documents are, so that no version reads what it would take for something else.

import { expect, test } from '@jest/globals'
import { LAYOUT, openMeta } from '../../common/store/meta.ts'
import type { Store } from '../../common/store/store.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('The layout of a database', (open) => {
  const databaseOf = ({ client, database }: Store) => client.db(database)
  const metaOf = (store: Store) => databaseOf(store).collection('meta')
  const openAgain = (store: Store, now = Date.now) => openMeta(databaseOf(store), now)

  test('is written when it is first used, with the epoch, and neither changes when it is opened again', async () => {
    const store = await open(() => 1_000_000)
    expect(await metaOf(store).find().toArray()).toEqual([{ _id: 'epoch', epoch: 1_000, layout: LAYOUT }])
    expect(await openAgain(store, () => 9_000_000)).toBe(1_000)
    expect(await metaOf(store).find().toArray()).toEqual([{ _id: 'epoch', epoch: 1_000, layout: LAYOUT }])
  })

  test('refuses a database that another version wrote, saying what to do', async () => {
    const store = await open()
    await metaOf(store).updateOne({}, { $set: { layout: LAYOUT + 1 } })
    await expect(openAgain(store)).rejects.toThrow(
      `the database is in layout ${LAYOUT + 1}, and this version of Alkaid reads and writes layout ${LAYOUT} only: start with`,
    )
  })

  test('refuses one from before databases said their layout, and leaves it as it is', async () => {
    const store = await open()
    await metaOf(store).updateOne({}, { $unset: { layout: true } })
    await expect(openAgain(store)).rejects.toThrow('the database is in layout 1,')
    expect(await metaOf(store).findOne()).not.toHaveProperty('layout')
  })
})

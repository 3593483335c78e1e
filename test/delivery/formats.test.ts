// What is held against a slot when it is published into: its format, and whether it or the schedule is archived.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('What may be published into a slot', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  const needsLink = { required: ['LINK'] }
  const link = 'https://example.com/'

  async function updateSlot(id: string, change: Record<string, unknown>) {
    const { expectedVersion } = await flow.onSlot(id)
    await flow.run('updateSlot', 'operator', { id, expectedVersion, ...change })
  }

  async function archiveSlot(id: string) {
    const { expectedVersion } = await flow.onSlot(id)
    await flow.run('archiveSlot', 'operator', { id, expectedVersion, confirmLive: true })
  }

  const archive = async (schedule: Thing) =>
    flow.run('archiveSchedule', 'operator', {
      id: schedule.id,
      expectedVersion: (await flow.head(schedule)).version,
      confirmLive: true,
    })
  const onSchedule = async (mutation: 'publish' | 'pause' | 'resume' | 'withdraw', schedule: Thing) =>
    flow.run(mutation, 'publisher', await flow.onSchedule(schedule))
  const onSlot = async (mutation: 'publishSlot' | 'stopSlot' | 'restartSlot', slot: string) =>
    flow.run(mutation, 'publisher', await flow.onSlot(slot))

  test('a creative that does not fit at its approved revision is refused by name, with the reason', async () => {
    const slot = await flow.makeSlot()
    const [bad, good] = [await flow.makeCreative(), await flow.makeCreative({ link })]
    const schedule = await flow.makeSchedule({ creatives: [bad, good], slot: slot.id })
    await flow.approved(schedule)
    await updateSlot(slot.id, { format: needsLink })
    const before = await everythingIn(flow.store)
    const refused = async () => flow.failure('publish', 'publisher', await flow.onSchedule(schedule))
    const { code, message, extensions } = await refused()
    expect([code, extensions.misfits]).toEqual(['INVALID_STATE', [{ creative: bad.id, mistakes: ['needs a link'] }]])
    expect(message).toContain(`${bad.id}" needs a link`)
    expect((await everythingIn(flow.store)) === before).toBe(true)

    await flow.revise(bad, { link })
    expect((await refused()).code).toBe('INVALID_STATE')
    await flow.approved(bad)
    await flow.publish(schedule)
    expect(await flow.served(slot.code)).toMatchObject({ entries: [{ creatives: [{ link }, { link }] }] })
  })

  test('live creatives stay when the format changes, for every reason to compose the slot', async () => {
    const slot = await flow.makeSlot()
    const schedules: Thing[] = []
    for (let count = 0; count < 2; count++) {
      schedules.push(await flow.approved(await flow.makeSchedule({ slot: slot.id })))
      await flow.publish(schedules[count]!)
    }
    await updateSlot(slot.id, { format: needsLink })
    const [first, second] = schedules as [Thing, Thing]
    const served = async () => (await flow.served(slot.code))!.entries.map(({ schedule }) => schedule.id)
    await onSlot('publishSlot', slot.id)
    await onSchedule('pause', first)
    await onSchedule('resume', first)
    expect((await served()).sort()).toEqual([first.id, second.id].sort())
    await onSchedule('withdraw', first)
    expect(await served()).toEqual([second.id])
  })

  test('a fallback that does not fit at its approved revision is refused by publishSlot, and is not in a first publication', async () => {
    const [bad, good] = [await flow.makeCreative({ link }), await flow.makeCreative({ link })]
    const slot = await flow.makeSlot({ fallback: [bad.id, good.id], format: needsLink })
    await flow.revise(bad, { link: null })
    for (const creative of [bad, good]) await flow.approved(creative)
    const { code, extensions } = await flow.failure('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect([code, extensions.misfits]).toEqual(['INVALID_STATE', [{ creative: bad.id, mistakes: ['needs a link'] }]])
    const creatives = [good]
    await flow.publish(await flow.approved(await flow.makeSchedule({ creatives, slot: slot.id })))
    expect(await flow.served(slot.code)).toMatchObject({ entries: [{}], fallback: [{ id: good.id }] })
  })

  test('an archived schedule is not published again; if live it stays, and can be paused, resumed and withdrawn', async () => {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(schedule)
    await archive(schedule)
    const refused = async () => flow.failure('publish', 'publisher', await flow.onSchedule(schedule))
    expect(await refused()).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining('archived') })
    expect((await flow.served(slot.code))!.entries).toHaveLength(1)
    await onSchedule('pause', schedule)
    await onSchedule('resume', schedule)
    expect((await flow.served(slot.code))!.entries).toHaveLength(1)
    await onSchedule('withdraw', schedule)
    expect(await refused()).toMatchObject({ code: 'INVALID_STATE' })
  })

  test('an archived slot takes only the schedules that are pinned in it, live or paused', async () => {
    const slot = await flow.makeSlot()
    const make = async () => flow.approved(await flow.makeSchedule({ slot: slot.id }))
    const [live, paused, fresh] = [await make(), await make(), await make()]
    for (const schedule of [live, paused]) await flow.publish(schedule)
    await onSchedule('pause', paused)
    await archiveSlot(slot.id)
    for (const schedule of [live, paused]) await flow.publish(schedule)
    expect((await flow.served(slot.code))!.entries).toHaveLength(2)
    const refused = async (schedule: Thing) => flow.failure('publish', 'publisher', await flow.onSchedule(schedule))
    expect(await refused(fresh)).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining(slot.id) })
    await onSchedule('withdraw', live)
    expect(await refused(live)).toMatchObject({ code: 'INVALID_STATE' })
    for (const mutation of ['publishSlot', 'stopSlot', 'restartSlot'] as const) await onSlot(mutation, slot.id)
    expect(await flow.served(slot.code)).toMatchObject({ stopped: false, entries: [{ schedule: { id: paused.id } }] })
  })
})

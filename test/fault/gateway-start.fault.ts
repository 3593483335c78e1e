// Invariant 11: the gateway starts with any subgraph down, answers the fields of the others, and recovers by itself.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { bookOne, eventually } from '../support/platform.ts'
import { describeWithRedis } from '../support/redis.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { ALL_OK, askParts, PART_NAMES } from './support/parts.ts'

describeWithRedis('A gateway that starts while a subgraph is down', () => {
  let alkaid: Installation

  beforeAll(async () => {
    alkaid = await startInstallation()
    await bookOne(alkaid, 'shop')
  })
  afterAll(() => alkaid?.stop())

  const ask = async () => (await askParts(alkaid.get('gateway').url, 'shop', 'home.banner')).parts

  test.each(PART_NAMES)('answers all fields but those of %s, and these as soon as it is back', async (name) => {
    const gateway = alkaid.get('gateway')
    await alkaid.get(name).kill()
    await gateway.kill()
    await gateway.start()
    expect(await ask()).toEqual({ ...ALL_OK, [name]: 'UNAVAILABLE' })
    const { pid } = gateway
    await alkaid.get(name).start()
    expect(await eventually(ask, (parts) => parts[name] === 'ok')).toEqual(ALL_OK)
    expect(gateway.pid).toBe(pid)
  })

  test('answers all fields once everything is back, however much was down', async () => {
    const gateway = alkaid.get('gateway')
    await Promise.all(alkaid.all().map((service) => service.kill()))
    await gateway.start()
    expect(await ask()).toEqual(Object.fromEntries(PART_NAMES.map((name) => [name, 'UNAVAILABLE'])))
    await Promise.all(PART_NAMES.map((name) => alkaid.get(name).start()))
    expect(await eventually(ask, (parts) => PART_NAMES.every((name) => parts[name] === 'ok'))).toEqual(ALL_OK)
  })
})

// A secret can be changed without an outage: what was made with the old one stays valid while `<NAME>_OLD` names it.

import { describe, expect, test } from '@jest/globals'
import { signToken, type TokenSettings, tokenVerifier } from '../../common/access/tokens.ts'
import { mintEventToken, readEventToken } from '../../engine/publication/event-token.ts'
import { deriveSigningKeys, openAt, seal } from '../../engine/publication/sign.ts'
import type { ChannelDocument } from '../../engine/publication/types.ts'

const OLD = 'the old secret, which is long enough to be one'
const NEW = 'the new secret, which is long enough to be one'

describe('While a signing secret is being changed', () => {
  const before = deriveSigningKeys(OLD)
  const during = deriveSigningKeys(NEW, OLD)
  const after = deriveSigningKeys(NEW)
  const list: ChannelDocument = { kind: 'apps', epoch: 1, revision: 1, apps: ['shop'] }
  const source = { app: 'shop', slot: 'slt_1', schedule: null, creative: { id: 'cre_1', revision: 2 } }

  test('documents of the old secret are valid, and new ones have the new secret', () => {
    expect(openAt(during, 'apps', seal(before, list))).toEqual(list)
    expect(openAt(after, 'apps', seal(during, list))).toEqual(list)
    expect(openAt(before, 'apps', seal(during, list))).toEqual({ error: 'forged' })
  })

  test('event tokens of the old secret are valid, and new ones have the new secret', () => {
    expect(readEventToken(during, mintEventToken(before, source))).toEqual(source)
    expect(readEventToken(after, mintEventToken(during, source))).toEqual(source)
  })

  test('afterwards, nothing of the old secret is valid', () => {
    expect(openAt(after, 'apps', seal(before, list))).toEqual({ error: 'forged' })
    expect(readEventToken(after, mintEventToken(before, source))).toBeUndefined()
  })

  test('what a third secret signed is forged', () => {
    const stranger = deriveSigningKeys('the secret of somebody else, long enough')
    expect(openAt(during, 'apps', seal(stranger, list))).toEqual({ error: 'forged' })
    expect(readEventToken(during, mintEventToken(stranger, source))).toBeUndefined()
  })
})

describe('While the secret of tokens is being changed', () => {
  const settings = (key: TokenSettings['key']): TokenSettings => ({ issuer: 'alkaid', audience: 'alkaid', key })
  const principal = { actor: 'ann', roles: { '*': ['viewer' as const] } }
  const tokenOf = async (secret: string) => `Bearer ${await signToken(settings({ secret }), principal)}`

  test('tokens of both are valid, and those of a third are not', async () => {
    const verify = tokenVerifier(settings({ secret: NEW, old: OLD }))
    expect(await verify(await tokenOf(NEW))).toEqual(principal)
    expect(await verify(await tokenOf(OLD))).toEqual(principal)
    await expect(verify(await tokenOf('the secret of somebody else, long enough'))).rejects.toThrow(/not valid/)
  })

  test('new tokens have the new secret', async () => {
    const token = await signToken(settings({ secret: NEW, old: OLD }), principal)
    expect(await tokenVerifier(settings({ secret: NEW }))(`Bearer ${token}`)).toEqual(principal)
  })

  test('a token of the old secret for another audience is refused', async () => {
    const foreign = await signToken({ ...settings({ secret: OLD }), audience: 'others' }, principal)
    await expect(tokenVerifier(settings({ secret: NEW, old: OLD }))(`Bearer ${foreign}`)).rejects.toThrow(/aud/)
  })
})

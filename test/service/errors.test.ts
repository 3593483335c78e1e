import { expect, test } from '@jest/globals'
import { GraphQLError } from 'graphql'
import { AlkaidError, badInput, InvalidRequest } from '../../common/base/errors.ts'
import { maskError, shownErrors, thrownErrors } from '../../common/base/shown-errors.ts'

test('an expected error is shown as it is, without what concerns only us', () => {
  const error = badInput('input.content.title', 'must not be empty').toJSON()
  const extensions = { ...error.extensions, stacktrace: ['at secret.ts'], serviceName: 'creative' }
  expect(maskError({ ...error, path: ['createCreative'], extensions }, 'r1')).toEqual({
    message: 'input.content.title: must not be empty',
    locations: undefined,
    path: ['createCreative'],
    extensions: { code: 'BAD_USER_INPUT', path: 'input.content.title' },
  })
})

test.each([undefined, 'INTERNAL', 'INTERNAL_SERVER_ERROR', 'E11000', 'toString'])(
  'an error with the code %s is masked',
  (code) => {
    const masked = maskError({ message: 'connect ECONNREFUSED 10.0.0.7', extensions: { code, secret: 1 } }, 'r1')
    expect(masked).toMatchObject({
      message: 'Something went wrong on our side',
      extensions: { code: 'INTERNAL', requestId: 'r1' },
    })
    expect(JSON.stringify(masked)).not.toMatch(/10\.0\.0\.7|secret/)
  },
)

test('a request that is wrong in itself is BAD_USER_INPUT and says why', () => {
  const masked = maskError(
    { message: 'Syntax Error: Unexpected "}"', extensions: { code: 'GRAPHQL_PARSE_FAILED' } },
    'r1',
  )
  expect(masked).toMatchObject({
    message: expect.stringMatching('Syntax Error'),
    extensions: { code: 'BAD_USER_INPUT' },
  })
})

test('details cannot take the place of the code', () => {
  expect(new AlkaidError('CONFLICT', 'x', { code: 'INTERNAL', currentVersion: 3 }).extensions).toEqual({
    code: 'CONFLICT',
    currentVersion: 3,
  })
})

test('errors of one answer are cut to what a person reads, whatever was sent', () => {
  const long = 'é'.repeat(100_000)
  const many = Array.from({ length: 5_000 }, (_, n) => ({ path: `${long}[${n}]`, message: long }))
  const one = shownErrors([badInput(long, long, many).toJSON()], 'r1')
  expect(one).toHaveLength(1)
  expect(JSON.stringify(one).length).toBeLessThan(64 * 1024)
  expect(one[0]!.message).toMatch(/^é{1000}…$/)
  expect(shownErrors(Array(5_000).fill(badInput('a', 'b').toJSON()), 'r1')).toHaveLength(100)
  const all = shownErrors(Array(5_000).fill(badInput(long, long, many).toJSON()), 'r1')
  expect(JSON.stringify(all).length).toBeLessThan(64 * 1024)
})

test('a cut never leaves half a character, and no path of an answer is cut', () => {
  const path = Array.from({ length: 80 }, (_, n) => (n % 2 === 0 ? 'nodes' : n))
  const [shown] = shownErrors([{ ...badInput('x', `a${'😀'.repeat(1_000)}`).toJSON(), path }], 'r1')
  expect(shown!.message.isWellFormed()).toBe(true)
  expect(shown!.path).toEqual(path)
})

test('what was thrown is told as it is where it is expected, every mistake of a document by itself', () => {
  const mistakes = [new GraphQLError('Unknown field'), new GraphQLError('Unknown argument')]
  expect(thrownErrors(new InvalidRequest('GRAPHQL_VALIDATION_FAILED', mistakes), 'r1')).toMatchObject([
    { message: 'Unknown field', extensions: { code: 'BAD_USER_INPUT', reason: 'GRAPHQL_VALIDATION_FAILED' } },
    { message: 'Unknown argument', extensions: { code: 'BAD_USER_INPUT' } },
  ])
  expect(thrownErrors(badInput('a', 'b'), 'r1')).toMatchObject([{ message: 'a: b' }])
  expect(thrownErrors(new Error('connect ECONNREFUSED'), 'r1')).toMatchObject([
    { message: 'Something went wrong on our side', extensions: { code: 'INTERNAL', requestId: 'r1' } },
  ])
})

import { expect, test } from '@jest/globals'
import { AlkaidError, badInput, maskError } from '../../common/errors.ts'

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

// Reading JSON: what is refused, with which path, and that everything else arrives unchanged.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { AlkaidError } from '../../common/base/errors.ts'
import { isExact, MAX_NESTING, readJson, requireShallow } from '../../common/command/json.ts'

function refusal(read: () => unknown): { code: string; path: unknown; message: string } | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    const { code, extensions, message } = error as AlkaidError
    return { code, path: extensions.path, message }
  }
}
const refused = (text: string) => refusal(() => readJson(text, 'body'))

describe('a number', () => {
  test.each([
    ['9007199254740993', false],
    ['-9007199254740993', false],
    ['9007199254740992', true],
    ['100000000000000000000', true],
    ['12345678901234567890', false],
    ['0.1234567890123456789', false],
    ['12345678.1234567', true],
    ['12345678.123456789', false],
    ['123456789.12345678901', false],
    ['0.1', true],
    ['0.30000000000000004', true],
    ['1.50e3', true],
    ['1.0000000000000000000000', true],
    ['0.00000000000000000000000000', true],
    ['-0', true],
    ['1e400', false],
    ['-1E+400', false],
    ['1e-400', false],
    ['5e-324', true],
    ['1.7976931348623157e308', true],
    ['1.79769313486231579e308', false],
    [`1${'0'.repeat(308)}`, true],
    [`1${'0'.repeat(309)}`, false],
    [`1${'0'.repeat(100_000)}1`, false],
  ])('%.40s is kept exactly: %s', (source, kept) => {
    expect(isExact(source)).toBe(kept)
    const outcome = refused(`{"variables": {"input": {"a": [0, {"b": ${source}}]}}}`)
    expect(outcome?.path).toBe(kept ? undefined : 'input.a[1].b')
    if (!kept) expect(outcome).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining('as text') })
  })

  test('that JavaScript wrote is always accepted', () => {
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        expect([value, isExact(JSON.stringify(value)), isExact(value.toExponential())]).toEqual([value, true, true])
      }),
      { numRuns: 2_000 },
    )
  })
})

test('all output of JSON.stringify is read back unchanged, also texts that look like numbers and brackets', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value)
      expect(readJson(text, 'body')).toEqual(JSON.parse(text))
    }),
  )
  const tricky = { '"[{': '9007199254740993 ]} \\" 1e400', '\\': ['\\"', '[[[['], '9007199254740993': true }
  expect(readJson(JSON.stringify(tricky), 'body')).toEqual(tricky)
})

describe('a value that is nested too deep', () => {
  const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

  test('is refused with the path of its parent, at any depth', () => {
    expect(refused(lists(MAX_NESTING))).toBeUndefined()
    expect(refused(objects(MAX_NESTING))).toBeUndefined()
    for (const depth of [MAX_NESTING + 1, 10_000, 400_000]) {
      const code = 'BAD_USER_INPUT'
      expect(refused(`{"variables":{"input":{"data":${lists(depth)}}}}`)).toMatchObject({ code, path: 'input.data' })
      const path = 'input.data.a.a.a.a.a.a'
      expect(refused(`{"variables":{"input":{"data":${objects(depth)}}}}`)).toMatchObject({ code, path })
      expect(refused(lists(depth))).toMatchObject({ code, path: 'body' })
    }
  })

  test('is also refused in a value that was never text', () => {
    const nested = (depth: number): unknown => JSON.parse(lists(depth))
    expect(refusal(() => requireShallow({ input: { data: nested(40) } }, 'variables'))).toBeUndefined()
    expect(refusal(() => requireShallow({ input: { data: nested(100_000) } }, 'variables'))).toMatchObject({
      code: 'BAD_USER_INPUT',
      path: 'input.data',
    })
  })
})

test('incomplete JSON is refused, wherever it ends', () => {
  const whole = '{"a": [1.5e3, "x\\"y", {"b": null}], "c": true}'
  for (let length = 0; length < whole.length; length++) {
    expect(refused(whole.slice(0, length))).toMatchObject({ code: 'BAD_USER_INPUT' })
  }
  expect(refused('{"a": [')).toMatchObject({ path: 'body', message: 'body: must be JSON' })
  for (const text of ['[1:2]', ']]]]', '{"a":"', '"\\', '{"a":9007199254740993', '[9007199254740993:1e400]']) {
    expect(refused(text)).toMatchObject({ code: 'BAD_USER_INPUT' })
  }
})

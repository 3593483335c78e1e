// Runs the cases of expressions, each as a projected field.
import { describe, expect, test } from '@jest/globals'
import { dateCases } from './cases/dates.ts'
import { expressionErrors, expressionRefusals } from './cases/expression-errors.ts'
import { expressionCases } from './cases/expressions.ts'
import { type AnyDocument, describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

async function evaluate(expression: AnyDocument, doc: AnyDocument = {}): Promise<AnyDocument> {
  const collection = fixture.collection()
  await collection.insertOne({ _id: 1, ...doc })
  const [result] = await collection.aggregate([{ $replaceWith: { value: expression } }]).toArray()
  return result!.value
}

describe('an expression', () => {
  for (const [sentence, expression, value, doc] of [...expressionCases, ...dateCases]) {
    test(sentence, async () => {
      const result = await evaluate(expression, doc)
      expect(result).toEqual(value)
      // `toEqual` ignores the order of fields.
      expect(JSON.stringify(result)).toBe(JSON.stringify(value))
    })
  }
})

const doc = { n: 2, s: 'x', a: [1], d: new Date(0) }

describe('an expression is refused', () => {
  for (const [sentence, expression, code] of expressionErrors) {
    test(`for ${sentence} (${code})`, async () => {
      expect(await errorOf(evaluate(expression, doc))).toMatchObject({ code })
    })
  }
})

describeEmbedded('the embedded server refuses', () => {
  for (const [sentence, expression] of expressionRefusals) {
    test(sentence, async () => {
      expect(await errorOf(evaluate(expression, doc))).toMatchObject({ code: 238, codeName: 'NotImplemented' })
    })
  }
})

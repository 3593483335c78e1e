import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { readLog } from '../../scripts/replay/read-log.ts'

const HEADER =
  'timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3'
const HASH = 'a'.repeat(32)
const ROW = `2019-11-24 00:03:13+00:00,7,1,0,0.5,${HASH},${HASH},${HASH},${HASH}`

describe('a log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'alkaid-log-'))
  const file = join(folder, 'log.csv')
  afterAll(() => rmSync(folder, { recursive: true }))
  const read = (...parts: (string | Buffer)[]) => {
    writeFileSync(file, Buffer.concat(parts.map((part) => Buffer.from(part as string))))
    return readLog(file)
  }

  test('may begin with a byte order mark', () => {
    expect(read(`\uFEFF${HEADER}\n${ROW}\n`)).toMatchObject([{ number: 1, item: '7', click: false }])
  })

  test('that is not UTF-8 is refused, with the line of the first bytes that are not', () => {
    const latin = Buffer.from(ROW.replace('0.5', '0.5ö'), 'latin1')
    expect(() => read(`${HEADER}\n${ROW}\n`, latin, `\n${ROW}\n`)).toThrow(`${file}, line 3: expected UTF-8`)
    expect(() => read(`${HEADER}\n`, latin)).toThrow(`${file}, line 2: expected UTF-8`)
    for (const order of [(bytes: Buffer) => bytes, (bytes: Buffer) => bytes.swap16()]) {
      const wide = order(Buffer.from(`\uFEFF${HEADER}\n${ROW}\n`, 'utf16le'))
      expect(() => read(wide)).toThrow(`${file}, line 1: expected UTF-8`)
    }
  })

  test('that is not there is named', () => {
    expect(() => readLog(join(folder, 'none.csv'))).toThrow(/^Cannot read the log: .*none\.csv/)
  })
})

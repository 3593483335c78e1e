// Writes small files so that nobody ever finds half of one: not another process, and not this one after a full disk.

import { randomUUID } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'

/** Readable by the owner only. @param place how the finished file takes its name; by default in place of an older one. */
export function writeWhole(file: string, text: string, place: (from: string, to: string) => void = renameSync): void {
  const beside = `${file}.${randomUUID()}`
  try {
    writeFileSync(beside, text, { flag: 'wx', mode: 0o600 })
    place(beside, file)
  } finally {
    rmSync(beside, { force: true })
  }
}

// Standard error as the place of logs. A line is written at once or, while a pipe is full, kept for a moment; what cannot be
// written (the disk is full, the reader has gone) is dropped. So logs never end a process, hold up its end, or fill its memory.

import { writeSync } from 'node:fs'

const STANDARD_ERROR = 2
/** How much may wait for a pipe that is full, in bytes, and how long until the next try, in ms. */
const MOST_WAITING = 1_000_000
const RETRY_MS = 50

let waiting = Buffer.alloc(0)
/** The last line that was dropped was written in part: the next one must not go on with it. */
let isCutOff = false

/** Shared by all loggers of the process, so that their lines do not get mixed up. */
export const standardError = {
  write(line: string): void {
    if (waiting.length === 0) write(Buffer.from(line))
    else if (waiting.length + line.length <= MOST_WAITING) waiting = Buffer.concat([waiting, Buffer.from(line)])
  },
}

function write(bytes: Buffer): void {
  let rest = isCutOff ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(STANDARD_ERROR, rest))
    isCutOff = false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
      isCutOff ||= rest.length < bytes.length
      return
    }
    waiting = Buffer.from(rest)
    setTimeout(retry, RETRY_MS).unref()
  }
}

function retry(): void {
  const bytes = waiting
  waiting = Buffer.alloc(0)
  write(bytes)
}

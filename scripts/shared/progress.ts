// Writes the progress to standard error, so that standard output has only the result.

/** Example: `progress("rows sent", 500, 1000)` writes `rows sent: 500 of 1,000`. */
export type Progress = (what: string, done: number, total: number) => void

/** A terminal gets one line that changes. Other streams get ten lines. */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  return (what, done, total) => {
    const step = Math.max(1, Math.ceil(total / (stream.isTTY ? 200 : 10)))
    if (done % step !== 0 && done !== total) return
    const text = `${what}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
    if (stream.isTTY) stream.write(`\r\x1b[K${text}${done === total ? '\n' : ''}`)
    else stream.write(`${text}\n`)
  }
}

// Progress on standard error, so that standard output holds the result alone.

/** `done` of `total` of what `what` says. */
export type Progress = (what: string, done: number, total: number) => void

/** On a terminal one line that changes; elsewhere a line for every tenth part. */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  return (what, done, total) => {
    const step = Math.max(1, Math.ceil(total / (stream.isTTY ? 200 : 10)))
    if (done % step !== 0 && done !== total) return
    const text = `${what}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
    if (stream.isTTY) stream.write(`\r\x1b[K${text}${done === total ? '\n' : ''}`)
    else stream.write(`${text}\n`)
  }
}

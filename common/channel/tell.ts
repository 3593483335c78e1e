// Calls a listener. Its defect must not end the connection or the process: it is logged, and the rest goes on.

import type { ChannelLog } from './log.ts'

export function tell(log: ChannelLog, call: () => void): void {
  try {
    call()
  } catch (error) {
    const message = `A listener of the channel threw: ${error instanceof Error ? error.stack : String(error)}`
    log({ level: 'error', kind: 'listener-failed', message })
  }
}

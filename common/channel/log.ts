// What the channel has to tell the one who runs it. Whoever connects passes a function; without one it is silent.

export type ChannelEvent = {
  level: 'info' | 'warn' | 'error'
  kind:
    | 'connected'
    | 'disconnected'
    | 'notifications-on'
    | 'notifications-refused'
    | 'setup-failed'
    | 'listener-failed'
    | 'heartbeat-unreadable'
  /** Names servers by host and port only, never by credentials. */
  message: string
}

export type ChannelLog = (event: ChannelEvent) => void

/** What an error says, as one line for a log or a message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

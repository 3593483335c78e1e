// The one error of the channel: it is out of reach, refused, or closed. Expected; callers go on without it.

/** Its message names the server by host and port only, never by credentials, and holds no document. */
export class ChannelUnavailable extends Error {
  override readonly name = 'ChannelUnavailable'
  readonly code = 'UNAVAILABLE'
  /** The server is there, and refused this one thing: another may well succeed. */
  readonly refused: boolean

  constructor(message: string, { refused = false }: { refused?: boolean } = {}) {
    super(message)
    this.refused = refused
  }
}

// Cuts a stream of bytes into the frames of the wire protocol. What it holds of an unfinished frame grows with what has
// arrived and not with the length that the frame claims.
export const maxMessageBytes = 48_000_000

/** The bytes are not a message that this server understands; the connection has to be closed. */
export class ProtocolError extends Error {}

export class Framer {
  /** How many bytes of an unfinished frame are held. */
  buffered = 0
  private storage: Buffer

  constructor() {
    this.storage = Buffer.alloc(0)
  }

  /** The whole frames that these bytes complete. Throws ProtocolError for an impossible length. */
  *push(chunk: Buffer): Generator<Buffer> {
    const bytes = this.buffered === 0 ? chunk : this.append(chunk)
    let at = 0
    while (bytes.length - at >= 4) {
      const length = bytes.readInt32LE(at)
      if (length < 16 || length > maxMessageBytes) throw new ProtocolError(`a message of ${length} bytes`)
      if (bytes.length - at < length) break
      yield bytes.subarray(at, at + length)
      at += length
    }
    if (at > 0 || this.buffered === 0) this.keep(bytes.subarray(at))
  }

  /** Doubles the storage when it is full, so that many small pieces cost no more than few large ones. */
  private append(chunk: Buffer): Buffer {
    const needed = this.buffered + chunk.length
    if (needed > this.storage.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.storage.length * 2))
      this.storage.copy(larger, 0, 0, this.buffered)
      this.storage = larger
    }
    chunk.copy(this.storage, this.buffered)
    this.buffered = needed
    return this.storage.subarray(0, needed)
  }

  /** Always a copy: frames that were handed out may still be read where the rest stands. */
  private keep(rest: Buffer): void {
    this.storage = Buffer.from(rest)
    this.buffered = rest.length
  }
}

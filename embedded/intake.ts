// What all connections together hold of messages that are unfinished or wait for their turn. Past the limit, the
// connection that holds the most is closed, so that one that hoards cannot shut out the others.
import type { Socket } from 'node:net'

export class Intake {
  /** The server ends: nothing more is begun. */
  closed = false
  private readonly limit: number
  private readonly held = new Map<Socket, number>()
  private total = 0

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Says how many bytes a connection holds now; one that is closed holds none. */
  hold(socket: Socket, bytes: number): void {
    this.total += bytes - (this.held.get(socket) ?? 0)
    if (bytes === 0) this.held.delete(socket)
    else this.held.set(socket, bytes)
    while (this.total > this.limit) this.closeLargest()
  }

  private closeLargest(): void {
    const [socket, bytes] = [...this.held].reduce((most, one) => (one[1] > most[1] ? one : most))
    this.held.delete(socket)
    this.total -= bytes
    socket.destroy()
  }
}

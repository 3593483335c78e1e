// Repairs one defect of the MongoDB driver (7.8.0 and 7.9.0). When the server ends a connection, its socket is destroyed at once, but
// `close` follows only later in the same turn of the event loop. A command that the driver writes in between waits for ever: Node
// reports no error for a write to a destroyed socket. If that command is the heartbeat, the client never finds the server again, and
// the service answers UNAVAILABLE until it is restarted. Seen when the database was killed under load (test/fault/crash-steps).

import { MongoNetworkError } from 'mongodb'
// @ts-expect-error The driver has no types for its inner modules.
import { Connection } from 'mongodb/lib/cmap/connection.js'

/** What is used of the driver's own class. */
type DriverConnection = {
  socket: { destroyed: boolean }
  onError(error: Error): void
  writeCommand(...given: unknown[]): Promise<void>
}

let isRepaired = false

/** A write to a destroyed socket fails from here on, as a network error. Throws when the driver is no longer built like this. */
export function repairDriver(): void {
  if (isRepaired) return
  const driver = Connection.prototype as DriverConnection
  const { writeCommand } = driver
  if (typeof writeCommand !== 'function' || typeof driver.onError !== 'function') {
    throw new Error('The MongoDB driver has changed: look whether common/store/driver-repair.ts is still needed')
  }
  driver.writeCommand = async function (this: DriverConnection, ...given) {
    if (this.socket.destroyed) {
      const error = new MongoNetworkError('the server has ended the connection')
      this.onError(error) // the connection is closed, as after any network error
      throw error
    }
    return writeCommand.apply(this, given)
  }
  isRepaired = true
}

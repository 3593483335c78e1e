// Repairs two defects of the MongoDB driver (7.8.0 and 7.9.0). Both were seen when the database was killed under load (test/fault).
//
// 1. When the server ends a connection, its socket is destroyed at once, but `close` follows only later in the same turn of the event
//    loop. A command that the driver writes in between waits for ever: Node reports no error for a write to a destroyed socket. If that
//    command is the heartbeat, the client never finds the server again, and the service answers UNAVAILABLE until it is restarted.
// 2. When a write to the socket fails while the driver waits for `drain`, the driver throws Node's own error, such as `write EPIPE`. So
//    nobody recognizes a lost connection, nothing is tried again, and the caller gets INTERNAL.

import { MongoError, MongoNetworkError } from 'mongodb'
// @ts-expect-error The driver has no types for its inner modules.
import { Connection } from 'mongodb/lib/cmap/connection.js'

/** What is used of the driver's own class. */
type DriverConnection = {
  socket: { destroyed: boolean }
  onError(error: Error): void
  writeCommand(...given: unknown[]): Promise<void>
}

let isRepaired = false

/** Both fail from here on as network errors. Throws when the driver is no longer built like this. */
export function repairDriver(): void {
  if (isRepaired) return
  const driver = Connection.prototype as DriverConnection
  const { writeCommand } = driver
  if (typeof writeCommand !== 'function' || typeof driver.onError !== 'function') {
    throw new Error('The MongoDB driver has changed: look whether common/store/driver-repair.ts is still needed')
  }
  driver.writeCommand = async function (this: DriverConnection, ...given) {
    if (this.socket.destroyed) throw closeAfter(this, new MongoNetworkError('the server has ended the connection'))
    try {
      return await writeCommand.apply(this, given)
    } catch (error) {
      if (!isOfSystem(error)) throw error
      throw closeAfter(this, new MongoNetworkError('the connection ended during a write', { cause: error }))
    }
  }
  isRepaired = true
}

/** The connection is closed, as after any network error. */
function closeAfter(connection: DriverConnection, error: MongoNetworkError): MongoNetworkError {
  connection.onError(error)
  return error
}

/** An error of a system call, such as `write EPIPE` or `read ECONNRESET`. */
function isOfSystem(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof MongoError) && 'syscall' in error
}

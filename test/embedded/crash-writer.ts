// A server process that durability.test.ts kills. It prints its URI.
import { startEmbeddedServer } from '../../embedded/server.ts'

const server = await startEmbeddedServer({ dataDir: process.argv[2]! })
void server.failed.then(() => process.exit(1))
console.log(server.uri)

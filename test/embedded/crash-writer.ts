// Run by durability.test.ts as a process of its own, to be killed: a server that prints its URI, in this same process.
import { startEmbeddedServer } from '../../embedded/server.ts'

const server = await startEmbeddedServer({ dataDir: process.argv[2]! })
void server.failed.then(() => process.exit(1))
console.log(server.uri)

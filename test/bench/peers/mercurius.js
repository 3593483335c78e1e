// Fastify with Mercurius, which compiles an operation when it has come once (`jit: 1`), and knows operations by their hash.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { port, resolvers, typeDefs } from './world.js'

const app = Fastify({ logger: false })
app.register(mercurius, {
  schema: typeDefs,
  resolvers,
  jit: 1,
  graphiql: false,
  persistedQueryProvider: mercurius.persistedQueryDefaults.automatic(),
})
await app.listen({ host: '127.0.0.1', port })

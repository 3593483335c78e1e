// Apollo Server with one subgraph, as its documentation recommends it for production: NODE_ENV=production (no introspection, no stack
// traces), a bounded cache in memory, no reporting.
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import { port, resolvers, typeDefs } from './world.js'

const server = new ApolloServer({
  schema: buildSubgraphSchema({ typeDefs: parse(typeDefs), resolvers }),
  cache: 'bounded',
})
await startStandaloneServer(server, { listen: { host: '127.0.0.1', port } })

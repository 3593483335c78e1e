// The stock Apollo Gateway in front of the subgraph at SUBGRAPH_URL. The supergraph is composed once, before it listens, as
// production does it: nothing is polled.
import { composeServices } from '@apollo/composition'
import { ApolloGateway } from '@apollo/gateway'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { parse } from 'graphql'
import { port, typeDefs } from './world.js'

const { supergraphSdl, errors } = composeServices([
  { name: 'decisions', url: process.env.SUBGRAPH_URL, typeDefs: parse(typeDefs) },
])
if (errors) throw new Error(errors.map(({ message }) => message).join('\n'))
const server = new ApolloServer({ gateway: new ApolloGateway({ supergraphSdl }), cache: 'bounded' })
await startStandaloneServer(server, { listen: { host: '127.0.0.1', port } })

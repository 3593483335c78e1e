// What the peers share: the schema, and a resolver that only looks up an answer which was made before. So a peer decides nothing:
// it reads a request, runs GraphQL, and writes the answer.
import { readFileSync } from 'node:fs'

export const typeDefs = readFileSync(new URL('./schema.graphql', import.meta.url), 'utf8')

/** The file holds, for each user, the decisions as plain objects. */
const decisions = new Map(Object.entries(JSON.parse(readFileSync(process.env.DECISIONS, 'utf8'))))

export const resolvers = {
  Query: {
    decisions: (_root, { context }) => decisions.get(context.userId),
  },
}

export const port = Number(process.env.PORT)

// The bench is gone.
process.once('disconnect', () => process.exit())

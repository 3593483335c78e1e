// Which room may import which. `npm run check` holds everyone to these rules; docs/architecture.md draws them.
// swc reads the sources, imports of types included. The tool's warning about a missing TypeScript compiler is therefore of no account.

const { subgraphs } = require('./subgraphs/registry.ts')

/** Room -> the rooms that it may import, beside itself. A room that is not listed may import nothing. */
const COMMON = {
  base: [],
  access: ['base'],
  http: ['base'],
  store: ['base'],
  channel: ['base'],
  command: ['store', 'channel', 'access', 'http', 'base'],
  apps: ['command', 'store', 'channel', 'base'],
  formats: ['command', 'base'],
  graphql: ['apps', 'command', 'store', 'access', 'http', 'base'],
  lane: ['graphql', 'apps', 'command', 'access', 'http', 'base'],
  service: ['lane', 'graphql', 'apps', 'command', 'store', 'channel', 'access', 'http', 'base'],
}

const OURS = '^(engine|common|subgraphs|gateway|platform|embedded|demo|scripts|test)/'

/** One rule: what is under `from` imports nothing of ours but what is under one of `allowed`. */
function only(name, from, allowed) {
  return { name, severity: 'error', from: { path: from }, to: { path: OURS, pathNot: [from, ...allowed] } }
}

const ENGINE = '^engine/'

module.exports = {
  forbidden: [
    { name: 'no circle of imports', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['dynamic-import'] } },
    {
      name: 'what is served needs no development dependency', // `npm ci --omit=dev && npm start` must work
      severity: 'error',
      from: { path: OURS, pathNot: ['^test/', '^scripts/(generate|replay|complete-lock)'] },
      to: { dependencyTypes: ['npm-dev'] },
    },
    only('engine imports nothing else', ENGINE, []),
    only('engine/targeting stands below decision and publication', '^engine/targeting/', ['^engine/(?!decision|publication)']),
    only('engine/publication stands below decision', '^engine/publication/', ['^engine/(?!decision)']),
    only('embedded imports nothing else', '^embedded/', []),
    only('demo is data', '^demo/', [ENGINE, '^common/']),
    ...Object.entries(COMMON).map(([room, below]) =>
      only(`common/${room} imports downwards`, `^common/${room}/`, [ENGINE, ...below.map((one) => `^common/${one}/`)]),
    ),
    ...subgraphs.map(({ name, usesRepositoriesOf = [] }) =>
      only(`subgraphs/${name} imports downwards`, `^subgraphs/${name}/`, [
        ENGINE,
        '^common/',
        '^subgraphs/(registry|lanes)\\.ts$',
        ...usesRepositoriesOf.map((one) => `^subgraphs/${one}/repository\\.ts$`),
      ]),
    ),
    only('the gateway imports downwards', '^gateway/', [ENGINE, '^common/', '^subgraphs/registry\\.ts$']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true, // imports of types count as well
    parser: 'swc',
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
}

// Tests run as native ES modules; swc only strips the types, as Node itself does in production.
//
// package.json runs Jest with `--no-compilation-cache`. V8's cache of compiled code keeps everything that a finished test file loaded, so
// each worker grew to 3 GB. Then a module took ten times as long to load, and a worker took too long to end.
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  testSequencer: '<rootDir>/test/support/longest-first.ts',
  testTimeout: 30_000,
  maxWorkers: 2,
}

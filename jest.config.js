// Tests run as native ES modules; swc only strips the types, as Node itself does in production.
//
// The memory of a worker grows from one test file to the next. At 3 GB a module took ten times as long to load, and a worker took so long to
// end that Jest said: "A worker process has failed to exit gracefully". Two settings prevent this:
// - `--no-compilation-cache` (package.json): V8's cache of compiled code keeps everything that a finished test file loaded.
// - `workerIdleMemoryLimit`: Jest starts a new worker after a test file that left more than this.
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/test/bench/peers/'], // they have packages of their own
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
  workerIdleMemoryLimit: '800MB',
}

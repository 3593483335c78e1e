// `npm run test:fault`: real processes that are killed, frozen and cut off under load (test/fault). FAULT_SEED sets the seed, and
// FAULT_SECONDS how long each outage under load lasts.
import base from './jest.config.js'

export default { ...base, testMatch: ['**/fault/**/*.fault.ts'], testTimeout: 120_000 }

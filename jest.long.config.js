// `npm run test:long`: the campaigns, and with them the tests on random commands, with more commands (FC_RUNS).
import base from './jest.config.js'

export default { ...base, testMatch: ['**/*.campaign.ts', '**/rules/model.test.ts'] }

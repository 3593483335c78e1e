import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { describeSync } from '../support/sync-suite.ts'

describeSync('A node over the channel in process', async () => {
  const channel = createInProcessChannel()
  return { writer: channel, reader: { ...channel } }
})

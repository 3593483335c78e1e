// The channel of a service that has nothing to do with it: every call is refused, so that none can be lost in silence.

import type { Channel } from './channel.ts'
import { ChannelUnavailable } from './errors.ts'

/** @param service whose it is, for the message. */
export function noChannel(service: string): Channel {
  const refuse = async () => {
    throw new ChannelUnavailable(`The service ${service} was started without a channel.`)
  }
  return {
    write: refuse,
    replace: refuse,
    read: refuse,
    manifest: refuse,
    listen: refuse,
    beat: refuse,
    heartbeats: refuse,
    close: async () => {},
  }
}

import { exactText } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const channel: Dimension = {
  name: 'channel',
  description: 'Where the app was installed from, as the app calls it: a store, a campaign. To the letter.',
  kind: exactText,
  isList: false,
  read: ({ channel }) => (channel ? [channel] : []),
}

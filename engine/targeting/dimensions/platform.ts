import { anyCaseText } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const platform: Dimension = {
  name: 'platform',
  description: 'What the app runs on, as the app calls it: ios, android, web. In any letter case.',
  kind: anyCaseText,
  isList: false,
  read: ({ platform }) => (platform ? [platform] : []),
}

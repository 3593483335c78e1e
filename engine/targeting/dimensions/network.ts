import { anyCaseText } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const network: Dimension = {
  name: 'network',
  description: 'How the device is connected, as the app calls it: wifi, cellular, ethernet, none. In any letter case.',
  kind: anyCaseText,
  isList: false,
  read: ({ network }) => (network ? [network] : []),
}

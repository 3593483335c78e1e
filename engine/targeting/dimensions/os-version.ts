import { versions } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const osVersion: Dimension = {
  name: 'osVersion',
  description: 'The version of the operating system: 17.5. IN, NOT_IN and EQUALS take 17 and 17.0 for the same.',
  kind: versions,
  isList: false,
  read: ({ osVersion }) => (osVersion ? [osVersion] : []),
}

import { codes } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const region: Dimension = {
  name: 'region',
  description:
    'Where the user is: ISO 3166, such as CN or CN-11, in any letter case. A value means that region and everything in it: IN, NOT_IN and EQUALS with CN find CN-11.',
  kind: codes('a region such as CN or CN-11', /^[A-Za-z]{2}([-_][A-Za-z0-9]{1,8})*$/),
  isList: false,
  read: ({ region }) => (region ? [region] : []),
}

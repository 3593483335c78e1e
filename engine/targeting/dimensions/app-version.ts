import { versions } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const appVersion: Dimension = {
  name: 'appVersion',
  description:
    'The version of the app: 8, 8.1.0, v8.1.0-beta.2. IN, NOT_IN and EQUALS take 8.1 and 8.1.0 for the same.',
  kind: versions,
  isList: false,
  read: ({ appVersion }) => (appVersion ? [appVersion] : []),
}

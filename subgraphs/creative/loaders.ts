// The DataLoaders of creative: what one request needs of creatives is read together.

import type { Services } from '../../common/command/services.ts'
import { type RevisionedLoaders, revisionedLoaders } from '../../common/graphql/revisioned.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import { type Creative, type CreativeContent, creatives } from './repository.ts'

export type CreativeLoaders = { creatives: RevisionedLoaders<Creative, Revision<CreativeContent>> }

export function creativeLoaders({ store }: Services): CreativeLoaders {
  return { creatives: revisionedLoaders(store, creatives) }
}

import { exactText } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const tags: Dimension = {
  name: 'tags',
  description: 'Labels of the user that the app sends along, in any number. To the letter.',
  kind: exactText,
  isList: true,
  read: (context) => context.tags ?? [],
}

import type { Dimension } from '../types.ts'

export const tags: Dimension = {
  name: 'tags',
  description: 'Labels of the user that the app sends along, in any number.',
  operators: ['IN', 'NOT_IN', 'EQUALS'],
  read: (context) => context.tags ?? [],
}

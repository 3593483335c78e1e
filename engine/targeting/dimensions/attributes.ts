import { ALL_OPERATORS, exactText } from '../kinds.ts'
import type { DimensionFamily } from './dimension.ts'

export const attributes: DimensionFamily = {
  prefix: 'attributes.',
  names: /^[A-Za-z0-9_.-]{1,64}$/,
  description:
    'Anything else that the app knows, under a name of its own choice. To the letter, or compared as numbers, versions or dates.',
  kind: exactText,
  isList: true,
  operators: ALL_OPERATORS,
  read(context) {
    const byName = new Map<string, readonly string[]>()
    for (const { name, values } of context.attributes ?? []) {
      // A name that is sent twice has the values of both.
      const before = byName.get(name)
      byName.set(name, before ? [...before, ...values] : values)
    }
    return byName
  },
}

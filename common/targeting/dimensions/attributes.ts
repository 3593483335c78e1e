import type { DimensionFamily } from '../types.ts'

export const attributes: DimensionFamily = {
  prefix: 'attributes.',
  names: /^[A-Za-z0-9_.-]{1,64}$/,
  description: 'Anything else that the app knows, under a name of its own choice.',
  operators: ['IN', 'NOT_IN', 'EQUALS'],
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

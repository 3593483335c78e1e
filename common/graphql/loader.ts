// DataLoaders. They are made for each request, and read all ids that the request asks for with one command.

import DataLoader from 'dataloader'

/** Loads by id. `read` returns the things in the order of the ids, and null for an id that does not exist. */
export function loaderById<T>(read: (ids: readonly string[]) => Promise<readonly (T | null)[]>) {
  return new DataLoader<string, T | null>(read)
}

/** Loads by a key of several parts. When `read` returns an Error for a key, only the load of that key rejects. */
export function loaderByKey<K, T>(
  read: (keys: readonly K[]) => Promise<readonly (T | Error)[]>,
  keyText: (key: K) => string,
) {
  return new DataLoader<K, T, string>(read, { cacheKeyFn: keyText })
}

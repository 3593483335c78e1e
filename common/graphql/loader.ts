// DataLoaders, one set per request: all the ids that one request asks for are read at once.

import DataLoader from 'dataloader'

/** Reads by id; `read` answers in the order of the ids, null where there is none. */
export function loaderById<T>(read: (ids: readonly string[]) => Promise<readonly (T | null)[]>) {
  return new DataLoader<string, T | null>(read)
}

/** Reads by a key made of several parts; an Error in place of an answer is thrown to whoever asked for that one. */
export function loaderByKey<K, T>(
  read: (keys: readonly K[]) => Promise<readonly (T | Error)[]>,
  keyText: (key: K) => string,
) {
  return new DataLoader<K, T, string>(read, { cacheKeyFn: keyText })
}

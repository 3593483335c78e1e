// Reads REDIS_URL. Strict, since a misread part would show only as odd behaviour later; and ioredis would let
// a query string override the time limits that keep calls from waiting for ever.

/** One Redis server. Sentinel and Cluster will be further kinds here and further branches where these are opened. */
export type RedisTarget = {
  kind: 'single'
  host: string
  port: number
  tls: boolean
  db: number
  username: string | undefined
  password: string | undefined
}

const LATER = ['redis+sentinel:', 'rediss+sentinel:', 'redis+cluster:', 'rediss+cluster:']

/** @throws Error saying what is wrong; it never quotes the URL, which may hold a password. */
export function parseRedisUrl(text: string): RedisTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw new Error('The Redis URL is not a URL; expected redis://[user:password@]host[:port][/database].')
  if (LATER.includes(url.protocol)) {
    throw new Error(`Redis URLs with ${url.protocol}// are not supported yet; use redis:// or rediss://.`)
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw new Error(`A Redis URL begins with redis:// or rediss:// (TLS), not ${url.protocol}`)
  }
  if (url.search || url.hash) throw new Error('A Redis URL takes no query and no fragment.')
  if (!/^\/?\d*$/.test(url.pathname)) throw new Error('The path of a Redis URL is the number of a database.')
  if (url.username && !url.password) throw new Error('The Redis URL has a user name but no password.')
  return {
    kind: 'single',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: Number(url.port || 6379),
    tls: url.protocol === 'rediss:',
    db: Number(url.pathname.slice(1) || 0),
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
  }
}

/** How to call a server in logs and errors: without its credentials. */
export function nameOf(target: RedisTarget): string {
  return `Redis at ${target.host}:${target.port}`
}

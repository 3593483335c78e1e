// REDIS_URL: which Redis to use. It names one server, the Sentinels of a group of servers, or some nodes of a Cluster.
//
//     redis://user:password@host:6379/0
//     redis+sentinel://user:password@host-1:26379,host-2:26379/main/0      `main` is the name of the group
//     redis+cluster://user:password@host-1:6379,host-2:6379
//
// `rediss` instead of `redis` means TLS. User and password are those of the Redis servers, not of the Sentinels.

export type RedisTarget = SingleTarget | SentinelTarget | ClusterTarget

export type SingleTarget = RedisLogin & RedisAddress & { kind: 'single' }
export type SentinelTarget = RedisLogin & { kind: 'sentinel'; sentinels: RedisAddress[]; group: string }
/** `nodes`: some of the Cluster. They tell the others. */
export type ClusterTarget = RedisLogin & { kind: 'cluster'; nodes: RedisAddress[] }

export type RedisAddress = { host: string; port: number }

export type RedisLogin = { tls: boolean; db: number; username: string | undefined; password: string | undefined }

export const REDIS_SCHEMES = [
  ...['redis', 'rediss', 'redis+sentinel', 'rediss+sentinel'],
  ...['redis+cluster', 'rediss+cluster'],
] as const

const PARTS = /^(redis|rediss)(?:\+(sentinel|cluster))?:\/\/(?:([^/]*)@)?([^/@]*)(?:\/(.*))?$/
const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))?(?::(\d{1,5}))?$/
const REDIS_PORT = 6379
const SENTINEL_PORT = 26_379

/**
 * It is strict: a misread part would show only later, as strange behaviour. A query is refused because ioredis would take options from
 * it, such as other timeouts. Errors never quote the URL, which may hold a password.
 */
export function parseRedisUrl(text: string): RedisTarget {
  const scheme = /^([a-z+]+):\/\//i.exec(text)?.[1]
  if (!scheme) throw new Error('The Redis URL is not a URL; expected redis://[user:password@]host[:port][/database].')
  if (!(REDIS_SCHEMES as readonly string[]).includes(scheme))
    throw new Error(
      `A Redis URL begins with redis:// or rediss:// (TLS), redis+sentinel:// or redis+cluster://, not ${scheme}:`,
    )
  if (/[?#]/.test(text)) throw new Error('A Redis URL takes no query and no fragment.')
  const [, protocol, kind = 'single', login, hosts = '', path = ''] = PARTS.exec(text) ?? []
  if (!protocol) throw new Error('The Redis URL is not a URL; expected redis://[user:password@]host[:port][/database].')
  const common = { tls: protocol === 'rediss', ...readLogin(login) }
  if (kind === 'single') {
    const [address] = readAddresses(hosts, REDIS_PORT, 1)
    return { kind, ...address!, ...common, db: readDatabase(path) }
  }
  if (kind === 'cluster') {
    if (path !== '') throw new Error('The URL of a Redis Cluster takes no database: a Cluster has only one.')
    return { kind, nodes: readAddresses(hosts, REDIS_PORT), ...common, db: 0 }
  }
  const [group, db = '', ...rest] = path.split('/')
  if (!group || rest.length > 0)
    throw new Error(
      'The URL of Redis Sentinels ends with the name of the group: redis+sentinel://host:26379/main[/database].',
    )
  const sentinels = readAddresses(hosts, SENTINEL_PORT)
  return { kind: 'sentinel', sentinels, group: decode(group), ...common, db: readDatabase(db) }
}

/** The name in logs and errors, without credentials: `Redis at 127.0.0.1:6379`. */
export function nameOf(target: RedisTarget): string {
  const list = (addresses: readonly RedisAddress[]) => addresses.map(({ host, port }) => `${host}:${port}`).join(', ')
  if (target.kind === 'single') return `Redis at ${list([target])}`
  if (target.kind === 'cluster') return `Redis Cluster at ${list(target.nodes)}`
  return `Redis group ${target.group} of the Sentinels at ${list(target.sentinels)}`
}

function readAddresses(text: string, defaultPort: number, most = Number.POSITIVE_INFINITY): RedisAddress[] {
  const hosts = text.split(',')
  if (hosts.length > most)
    throw new Error('A redis:// URL names one host; for several, use redis+sentinel:// or redis+cluster://.')
  return hosts.map((host) => {
    const [found, ipv6, name, port] = ADDRESS.exec(host) ?? []
    if (found === undefined || Number(port ?? 0) > 65_535) {
      throw new Error('The Redis URL has a host that cannot be read; expected host:port, and commas between several.')
    }
    return { host: ipv6 ?? name ?? '127.0.0.1', port: Number(port ?? defaultPort) }
  })
}

function readLogin(login: string | undefined): Pick<RedisLogin, 'username' | 'password'> {
  const [username = '', ...rest] = login?.split(':') ?? []
  const password = rest.join(':')
  if (username && !password) throw new Error('The Redis URL has a user name but no password.')
  return { username: decode(username) || undefined, password: decode(password) || undefined }
}

function readDatabase(text: string): number {
  if (!/^\d*$/.test(text)) throw new Error('The path of a Redis URL is the number of a database.')
  return Number(text || 0)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('The Redis URL has a % that begins no character; a % itself is written %25.')
  }
}

// What `mongosh` and tools ask about the server they have connected to.
import { arch, cpus, hostname, release, totalmem, type } from 'node:os'
import { fail } from '../errors.ts'
import { booleanOption, type Command } from './command.ts'

export const hostInfo: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run: () => ({
    system: {
      currentTime: new Date(),
      hostname: hostname(),
      cpuAddrSize: 64,
      memSizeMB: Math.floor(totalmem() / 2 ** 20),
      numCores: cpus().length,
      cpuArch: arch(),
    },
    os: { type: type(), name: type(), version: release() },
    extra: {},
  }),
}

/** There are no users: whoever can open the socket may do everything. */
export const connectionStatus: Command = {
  options: ['showPrivileges'],
  inTransaction: false,
  retryable: false,
  run({ body }) {
    const privileges = booleanOption(body, 'showPrivileges') ? { authenticatedUserPrivileges: [] } : {}
    return { authInfo: { authenticatedUsers: [], authenticatedUserRoles: [], ...privileges } }
  },
}

const parameters: Record<string, () => unknown> = {
  featureCompatibilityVersion: () => ({ version: '7.0' }),
}

/** Parameters are asked for by their names, or all of them by '*'. */
export const getParameter: Command = {
  options: Object.keys(parameters),
  inTransaction: false,
  retryable: false,
  adminOnly: true,
  run({ body }) {
    const wanted = Object.keys(parameters).filter((name) => body.getParameter === '*' || body[name] !== undefined)
    if (wanted.length === 0) return fail('InvalidOptions', 'no option found to get')
    return Object.fromEntries(wanted.map((name) => [name, parameters[name]!()]))
  },
}

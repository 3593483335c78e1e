// Chooses the path of the server's socket, and writes the URI for it. The socket is in the data directory if the path
// fits into a URI and into the operating system's limit. If not, it is in a private folder under the system's temporary
// folder, and a file in the data directory names that folder.
import { lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setName } from './commands/server-info.ts'

/** Linux allows 108 bytes with the closing zero, and some systems allow fewer. */
const maxPathBytes = 100
const socketName = 'alkaid.sock'

/** The path of the socket. The caller must have locked the data directory, so that any old socket is stale. */
export function chooseSocket(dataDir: string, socketDir: string | undefined): string {
  removeStaleFolder(dataDir)
  const wanted = join(resolve(socketDir ?? dataDir), socketName)
  if (fits(wanted)) return wanted
  // mkdtemp creates a new folder with mode 0700.
  const folder = mkdtempSync(join(tmpdir(), 'alkaid-'))
  const path = join(folder, socketName)
  if (!fits(path)) {
    rmSync(folder, { recursive: true })
    throw new Error(
      `Cannot create a socket: the paths ${wanted} and ${path} must have at most ${maxPathBytes} bytes and no '%'. Choose another socket directory.`,
    )
  }
  writeFileSync(pointerFile(dataDir), `${path}\n`, { mode: 0o600 })
  return path
}

export function uriOf(socket: string): string {
  // Without directConnection, the driver would look for the hosts of the replica set by their lower-case names.
  return `mongodb://${encodeURIComponent(socket)}/?directConnection=true&replicaSet=${setName}`
}

/** Removes the temporary folder that an earlier server of this data directory has created. */
export function removeStaleFolder(dataDir: string): void {
  let path: string
  try {
    path = readFileSync(pointerFile(dataDir), 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const folder = dirname(path)
  // Check that a server has created the folder: someone could have copied or changed this file.
  if (path === join(folder, socketName) && dirname(folder) === resolve(tmpdir()) && isOwnFolder(folder)) {
    rmSync(folder, { recursive: true, force: true })
  }
  rmSync(pointerFile(dataDir), { force: true })
}

function isOwnFolder(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false })
  return stat?.isDirectory() === true && stat.uid === process.getuid?.() && /[/]alkaid-[^/]+$/.test(folder)
}

function pointerFile(dataDir: string): string {
  return join(dataDir, 'socket-path')
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= maxPathBytes && !path.includes('%')
}

// The peers live in test/bench/peers with a package.json and a lock of their own, so that nothing else of the project depends on them.
// They are installed there at their first use.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const peersFolder = new URL('../peers/', import.meta.url)

/** Holds the hash of the lock from which the packages were installed. */
const STAMP = new URL('node_modules/.installed', peersFolder)
const INSTALL_MS = 300_000

/** Installs the packages unless they are there. Throws when that fails, for example without a registry. */
export function installPeers(print: (line: string) => void): void {
  const lock = createHash('sha256')
    .update(readFileSync(new URL('package-lock.json', peersFolder)))
    .digest('hex')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return
  print('installing the peers in test/bench/peers (once)')
  const cwd = fileURLToPath(peersFolder)
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts']
  const { status, stderr, error } = spawnSync('npm', args, { cwd, encoding: 'utf8', timeout: INSTALL_MS })
  if (status !== 0) {
    throw new Error(
      `Cannot install the peers: expected a package registry that npm reaches. Run \`npm ci\` in test/bench/peers to see why, ` +
        `or leave them out: --only bare,lane,lane304,relay\n${error?.message ?? stderr.slice(-1_000)}`,
    )
  }
  writeFileSync(STAMP, lock)
}

// `npm run lock`: updates package-lock.json from package.json, and adds the optional packages of every platform. A registry mirror may
// lack packages of other platforms. Then npm omits them from the lock, and `npm ci` refuses this lock.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const HELP = `Usage: npm run lock

Updates package-lock.json from package.json, and completes it with the optional packages of other platforms.
To be run after every change of dependencies.`

type LockedPackage = {
  version?: string
  dev?: boolean
  optional?: boolean
  cpu?: string[]
  os?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}
type Packages = Record<string, LockedPackage>

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openharmony', 'sunos', 'win32']

function main(): void {
  if (parseArgs({ options: { help: { type: 'boolean' } } }).values.help) {
    console.log(HELP)
    return
  }
  const npm = spawnSync('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'], { stdio: 'inherit' })
  if (npm.status !== 0) throw new Error('npm install --package-lock-only failed')
  const file = new URL('../package-lock.json', import.meta.url)
  const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Packages }
  const added = complete(lock.packages)
  const [root, ...others] = Object.entries(lock.packages)
  lock.packages = Object.fromEntries([root!, ...others.sort(([a], [b]) => a.localeCompare(b, 'en'))])
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(added.length === 0 ? 'The lock is complete' : `Added to the lock: ${added.join(', ')}`)
}

/** Adds an entry for each optional dependency without one. The entry has no `integrity`, since only the version is known. */
function complete(packages: Packages): string[] {
  const added: string[] = []
  for (const [path, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isLocked(packages, path, name)) continue
      packages[`node_modules/${name}`] = { version, ...platformOf(name), ...(dev && { dev }), optional: true }
      added.push(`${name}@${version}`)
    }
  }
  return added
}

/** Whether a package at `path` finds the package `name`, in its own folder or in a folder above. */
function isLocked(packages: Packages, path: string, name: string): boolean {
  if (packages[`${path}/node_modules/${name}`.replace(/^\//, '')]) return true
  const above = path.lastIndexOf('/node_modules/')
  if (path === '') return false
  return isLocked(packages, above < 0 ? '' : path.slice(0, above), name)
}

/** Reads the platform from the name of a package. Example: `...-linux-arm64-musl` is for Linux, arm64 and musl. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const parts = name.split('/').at(-1)!.split('-')
  const at = parts.findIndex((part) => SYSTEMS.includes(part))
  if (at < 0) return {}
  const cpu = parts[at + 1]
  const flavour = parts[at + 2] ?? ''
  const libc = flavour.startsWith('musl') ? ['musl'] : flavour.startsWith('gnu') ? ['glibc'] : undefined
  return { ...(cpu && { cpu: [cpu] }), ...(libc && { libc }), os: [parts[at]!] }
}

main()

// A file system of its own that can be filled to the last byte: a tmpfs, which takes root. Elsewhere a limit on the size of the
// files of a process stands in for it (RLIMIT_FSIZE).

import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type SmallDisk = {
  path: string
  /** Leaves no room. */
  fill(): void
  /** Gives back what `fill` took. */
  free(): void
  unmount(): void
}

/** Undefined where one may not mount. */
export function mountSmallDisk(megabytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'alkaid-disk-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]).status !== 0) {
    rmSync(path, { recursive: true })
    return undefined
  }
  const filler = join(path, 'filler')
  return {
    path,
    fill() {
      const file = openSync(filler, 'a')
      try {
        for (const bytes of [1_048_576, 4_096]) while (writeSync(file, Buffer.alloc(bytes)) === bytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      } finally {
        closeSync(file)
      }
    },
    free: () => rmSync(filler, { force: true }),
    unmount() {
      spawnSync('umount', [path])
      rmSync(path, { recursive: true })
    },
  }
}

/** From now on the process cannot make a file larger than that; undefined: as large as it likes. */
export function limitFileSize(pid: number, bytes: number | undefined): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes ?? 'unlimited'}:unlimited`])
  if (status !== 0) throw new Error(`prlimit: ${stderr}`)
}

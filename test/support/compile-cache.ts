// Where started processes keep what Node has compiled. A process that finds it there loads Alkaid in half of the time.

import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Set it as the variable NODE_COMPILE_CACHE of the process. */
export const NODE_COMPILE_CACHE = join(tmpdir(), 'alkaid-compile-cache')

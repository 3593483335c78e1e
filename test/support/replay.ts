// Runs `npm run replay` as a command, and reads what it says at the end.

import { run } from './command.ts'

/** How long one replay may take, in ms, also on a busy machine. */
export const REPLAY_MS = 240_000

/** `result` is the JSON of the last line; undefined when there is none. */
export async function replay(args: string[], env: Record<string, string> = {}) {
  const ended = await run('replay.ts', [...args, '--json'], env).ended
  const last = ended.stdout.trim().split('\n').at(-1) ?? ''
  return { ...ended, result: last.startsWith('{') ? JSON.parse(last) : undefined }
}

// Commands for a shell, to try Alkaid out. The start writes `demo.json` into the data folder: the key of the demo app and two
// complete requests. The welcome text and the page at `/` show them as curl commands.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Role } from '../common/access/rights.ts'

export type DemoCommand = { what: string; curl: string }

/** `ask`: the body of a slot query. `event`: the body of an impression of its first creative, if there was one. */
const demoSchema = z.object({
  appKey: z.string(),
  urls: z.object({ gateway: z.string(), distribution: z.string() }),
  ask: z.object({}).loose(),
  event: z.object({}).loose().optional(),
})
export type Demo = z.output<typeof demoSchema>

export function demoFile(dataDir: string): string {
  return join(dataDir, 'demo.json')
}

/** Undefined when there is no demo app, or its file is not complete. */
export async function readDemo(dataDir: string): Promise<Demo | undefined> {
  try {
    return demoSchema.safeParse(JSON.parse(await readFile(demoFile(dataDir), 'utf8'))).data
  } catch {
    return undefined // no file, or an incomplete one
  }
}

export function demoCommands({ appKey, urls, ask, event }: Demo): DemoCommand[] {
  return [
    { what: 'What a user sees now', curl: curl(urls.distribution, appKey, ask) },
    ...(event ? [{ what: 'Record that they saw the first creative', curl: curl(urls.gateway, appKey, event) }] : []),
  ]
}

/** The command that prints a development token. To be run in the folder of Alkaid. */
export function tokenCommand(role: Role, dataDir: string): string {
  const folder = /^[\w./-]+$/.test(dataDir) ? dataDir : `'${dataDir.replaceAll("'", "'\\''")}'`
  return `npm run -s token -- --role ${role}${dataDir === '.data' ? '' : ` --data-dir ${folder}`}`
}

function curl(url: string, appKey: string, body: object): string {
  return `curl -s ${url} -H 'content-type: application/json' -H 'x-app-key: ${appKey}' -d '${JSON.stringify(body)}'`
}

// What can be typed into a shell to try Alkaid out. The start leaves the demo app in the data folder: its key, and two requests
// that work as they stand. The welcome prints them, and so does the page at `/`.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Role } from '../common/access/rights.ts'

export type Try = { what: string; curl: string }

/** `ask`: a slot query of an app; `event`: of an impression of what it answered, where it showed something. */
const demo = z.object({
  appKey: z.string(),
  urls: z.object({ gateway: z.string(), distribution: z.string() }),
  ask: z.object({}).loose(),
  event: z.object({}).loose().optional(),
})
export type Demo = z.output<typeof demo>

export function demoFile(dataDir: string): string {
  return join(dataDir, 'demo.json')
}

/** Undefined where there is no demo app, or its making was cut off. */
export async function readDemo(dataDir: string): Promise<Demo | undefined> {
  try {
    return demo.safeParse(JSON.parse(await readFile(demoFile(dataDir), 'utf8'))).data
  } catch {
    return undefined // no file, or half of one
  }
}

export function triesOf({ appKey, urls, ask, event }: Demo): Try[] {
  return [
    { what: 'What a user sees now', curl: curl(urls.distribution, appKey, ask) },
    ...(event ? [{ what: 'Tell that they saw the first of it', curl: curl(urls.gateway, appKey, event) }] : []),
  ]
}

/** Of a token of development, from the folder of Alkaid. */
export function printToken(role: Role, dataDir: string): string {
  const folder = /^[\w./-]+$/.test(dataDir) ? dataDir : `'${dataDir.replaceAll("'", "'\\''")}'`
  return `npm run -s token -- --role ${role}${dataDir === '.data' ? '' : ` --data-dir ${folder}`}`
}

function curl(url: string, appKey: string, body: object): string {
  return `curl -s ${url} -H 'content-type: application/json' -H 'x-app-key: ${appKey}' -d '${JSON.stringify(body)}'`
}

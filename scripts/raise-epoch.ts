// `npm run raise-epoch`: run it once after MongoDB was restored from a backup.

import { parseArgs } from 'node:util'
import { readSettings, SettingsError } from '../common/service/settings.ts'
import { openStore } from '../platform/open-store.ts'
import { composeInNewEpoch } from '../subgraphs/delivery/raise-epoch.ts'
import { createProgress } from './shared/progress.ts'

const HELP = `Usage: npm run raise-epoch [-- --data-dir DIR]

Run it once after the database was restored from a backup, while Alkaid is stopped. Nodes only accept publications with a
higher revision than theirs, and after a restore their revisions are higher than those of the database. This command starts
a new epoch, which is higher than all, and composes every slot in it. Start Alkaid again afterwards.

  --data-dir DIR   the data folder, when MONGODB_URI is not set (default: DATA_DIR, or .data)
  --help           this text`

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { 'data-dir': { type: 'string' }, help: { type: 'boolean' } } })
  if (values.help) {
    console.log(HELP)
    return
  }
  const settings = readSettings({ ...process.env, ...(values['data-dir'] && { DATA_DIR: values['data-dir'] }) })
  const { store, close } = await openStore(settings)
  try {
    const progress = createProgress(process.stderr)
    const report = (done: number, total: number) => progress('slots composed', done, total)
    const { epoch, slots } = await composeInNewEpoch(store, Date.now, report)
    console.log(`The epoch is ${epoch} now; ${slots} slots were composed in it. Start Alkaid again.`)
  } finally {
    await close()
  }
}

main().catch((error: Error) => {
  console.error(error instanceof SettingsError ? error.message : error)
  process.exitCode = 1
})

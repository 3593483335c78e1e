// Part of `npm run check`: imports run downwards only, as docs/architecture.md draws it (the table is the rule), and what
// runs after `npm ci --omit=dev` imports no development dependency.

import { globSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))

/** What every subgraph may import; the registry says on which port it listens alone. */
const SUBGRAPH = ['common', 'subgraphs:registry']

/** folder -> what it may import beside itself. `:repository` means: that folder's repository.ts only. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  embedded: [],
  common: [],
  demo: ['common'],
  'subgraphs/creative': [...SUBGRAPH],
  'subgraphs/strategy': [...SUBGRAPH],
  'subgraphs/schedule': [...SUBGRAPH, 'subgraphs/creative:repository', 'subgraphs/strategy:repository'],
  'subgraphs/audit': [...SUBGRAPH, ...repositories('schedule', 'creative', 'strategy')],
  'subgraphs/delivery': [...SUBGRAPH, ...repositories('audit', 'schedule', 'creative', 'strategy')],
  'subgraphs/stats': [...SUBGRAPH, ...repositories('schedule')],
  'subgraphs/distribution': [...SUBGRAPH],
  gateway: ['common', 'subgraphs'],
  scripts: ['common', 'subgraphs', 'gateway', 'embedded', 'demo'],
}

function repositories(...names: string[]): string[] {
  return names.map((name) => `subgraphs/${name}:repository`)
}

/** Commands for those who work on Alkaid, or try it out. They may use development dependencies. */
const FOR_DEVELOPMENT = /^scripts\/(generate|replay|complete-lock|check-imports)\b/

const { dependencies } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
}

const mistakes = globSync('{common,subgraphs,gateway,embedded,demo,scripts}/**/*.ts', { cwd: root }).flatMap(mistakesOf)
for (const mistake of mistakes) console.error(mistake)
console.log(mistakes.length === 0 ? 'Imports are as they should be' : `${mistakes.length} imports are wrong`)
process.exitCode = mistakes.length === 0 ? 0 : 1

function mistakesOf(file: string): string[] {
  const from = folderOf(file)
  const text = readFileSync(resolve(root, file), 'utf8')
  const targets = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
    relative(root, resolve(root, dirname(file), path!)),
  )
  return [
    ...targets.filter((target) => !allowed(from, target)).map((target) => `${file} must not import ${target}`),
    ...(FOR_DEVELOPMENT.test(file) ? [] : packagesIn(text))
      .filter((name) => !Object.hasOwn(dependencies, name))
      .map((name) => `${file} imports ${name}, which is not among the dependencies of package.json`),
  ]
}

/** `@apollo/server` for `import ... from '@apollo/server/plugin/disabled'`. */
function packagesIn(text: string): string[] {
  const named = text.matchAll(/(?:from|import\()\s*'((?:@[\w.-]+\/)?[\w.-]+)(?:\/[^']*)?'/g)
  return [...named].map(([, name]) => name!).filter((name) => !name.startsWith('.'))
}

function allowed(from: string, target: string): boolean {
  const to = folderOf(target)
  if (to === from || from === 'subgraphs') return true
  return (MAY_IMPORT[from] ?? []).some((entry) => {
    const [folder, only] = entry.split(':')
    if (only) return to === folder && target === `${folder}/${only}.ts`
    return to === folder || to.startsWith(`${folder}/`)
  })
}

/** `subgraphs/<name>` for a file of a subgraph, otherwise the first folder. */
function folderOf(path: string): string {
  const [first, second] = path.split('/')
  return first === 'subgraphs' && second && !second.endsWith('.ts') ? `${first}/${second}` : first!
}

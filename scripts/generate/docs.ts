// The generated parts of the docs: the lists of docs/embedded.md and the table of services of docs/operations.md. Each stands between
// two markers. The text around them is written by hand.

import { neededSettings } from '../../common/service/subgraph-process.ts'
import { commands } from '../../embedded/commands/registry.ts'
import { table } from '../../embedded/table.ts'
import { gateway, subgraphs } from '../../subgraphs/registry.ts'

const END = '<!-- end of what is generated -->'

/** docs/embedded.md with new lists. Throws when a marker is missing. */
export function withEmbeddedLists(text: string): string {
  return replaceBetweenMarkers('docs/embedded.md', text, 'embedded/table.ts', embeddedLists())
}

/** docs/operations.md with a new table of services. Throws when a marker is missing. */
export function withServiceTable(text: string): string {
  return replaceBetweenMarkers('docs/operations.md', text, 'subgraphs/registry.ts', serviceTable())
}

function replaceBetweenMarkers(file: string, text: string, source: string, generated: string): string {
  const begin = `<!-- generated from ${source} by \`npm run generate\` -->`
  const [before, rest] = splitAt(file, text, begin)
  const [, after] = splitAt(file, rest, END)
  return `${before}${begin}\n\n${generated}\n\n${END}${after}`
}

function splitAt(file: string, text: string, marker: string): [string, string] {
  const at = text.indexOf(marker)
  if (at === -1) {
    throw new Error(`${file} must contain the line ${marker}. Put it back, and run npm run generate again.`)
  }
  return [text.slice(0, at), text.slice(at + marker.length)]
}

function embeddedLists(): string {
  const others = table.filter(({ title }) => title !== 'commands')
  return [
    '| | |',
    '|---|---|',
    ...others.map(({ title, lines }) => `| ${title} | ${inCode(lines)} |`),
    '',
    '| command | options |',
    '|---|---|',
    ...Object.entries(commands).map(([name, { options }]) => `| \`${name}\` | ${inCode(options)} |`),
  ].join('\n')
}

function serviceTable(): string {
  const rows = subgraphs.map((entry) => {
    const needed = neededSettings(entry).filter((setting) => setting !== 'SERVICE_SECRET')
    const paths = entry.laneFields ? ['/federation', '/graphql'] : ['/federation']
    return `| ${entry.name} | ${entry.port} | ${inCode(needed)} | ${inCode(paths)} | ${entry.about} |`
  })
  return [
    '| service | port | needs | answers | what it is |',
    '|---|---|---|---|---|',
    `| ${gateway.name} | ${gateway.port} | | ${inCode(['/graphql'])} | ${gateway.about} |`,
    ...rows,
  ].join('\n')
}

function inCode(list: readonly string[]): string {
  return list.map((name) => `\`${name}\``).join(' ')
}

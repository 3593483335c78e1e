// Writes the lists of docs/embedded.md between its two markers. They come from the table of the embedded server.
import { commands } from '../../embedded/commands/registry.ts'
import { table } from '../../embedded/table.ts'

const begin = '<!-- generated from embedded/table.ts by `npm run generate` -->'
const end = '<!-- end of what is generated -->'

/** The text with new lists. Throws if a marker is missing. */
export function withEmbeddedLists(text: string): string {
  const [before, rest] = split(text, begin)
  const [, after] = split(rest, end)
  return `${before}${begin}\n\n${lists()}\n\n${end}${after}`
}

function split(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker)
  if (at === -1) {
    throw new Error(`docs/embedded.md must contain the line ${marker}. Put it back, and run npm run generate again.`)
  }
  return [text.slice(0, at), text.slice(at + marker.length)]
}

function lists(): string {
  const others = table.filter(({ title }) => title !== 'commands')
  return [
    '| | |',
    '|---|---|',
    ...others.map(({ title, lines }) => `| ${title} | ${names(lines)} |`),
    '',
    '| command | options |',
    '|---|---|',
    ...Object.entries(commands).map(([name, { options }]) => `| \`${name}\` | ${names(options)} |`),
  ].join('\n')
}

function names(list: readonly string[]): string {
  return list.map((name) => `\`${name}\``).join(' ')
}

// The lists in docs/embedded.md, written between its markers from the embedded server's own table.
import { commands } from '../../embedded/commands/registry.ts'
import { table } from '../../embedded/table.ts'

const begin = '<!-- generated from embedded/table.ts by `npm run generate` -->'
const end = '<!-- end of what is generated -->'

/** The text with its lists made anew. Throws if the markers are not there. */
export function withEmbeddedLists(text: string): string {
  const [before, rest] = split(text, begin)
  const [, after] = split(rest, end)
  return `${before}${begin}\n\n${lists()}\n\n${end}${after}`
}

function split(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker)
  if (at === -1) throw new Error(`docs/embedded.md lacks the marker ${marker}`)
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

// A line chart as SVG: linear along x, logarithmic along y, light background, readable without colours by the labels at the lines.

export type Chart = {
  title: string
  subtitle: string
  x: { label: string; unit?: string }
  y: { label: string; unit: string }
  series: readonly { name: string; colour: string; points: readonly (readonly [x: number, y: number])[] }[]
  /** A horizontal line that says what is wanted. */
  limits?: readonly { y: number; label: string }[]
}

const WIDTH = 880
const HEIGHT = 500
const PLOT = { left: 78, right: 130, top: 84, bottom: 62 }
const FONT = 'font-family="system-ui, -apple-system, \'Segoe UI\', Roboto, Arial, sans-serif"'
const INK = '#1f2933'
const FAINT = '#616e7c'
const GRID = '#e4e7eb'
/** Labels at the ends of lines keep this distance, in pixels. */
const LABEL_HEIGHT = 16
/** Ticks of a decade: 1, 2, 5. */
const STEPS = [1, 2, 5]

export function drawChart({ title, subtitle, x, y, series, limits = [] }: Chart): string {
  const points = series.flatMap((one) => one.points)
  const ticksX = linearTicks(Math.max(...points.map(([at]) => at)))
  const ticksY = logarithmicTicks([...points.map(([, value]) => value), ...limits.map((limit) => limit.y)])
  const [maxX, minY, maxY] = [ticksX.at(-1)!, ticksY[0]!, ticksY.at(-1)!]
  const [right, bottom] = [WIDTH - PLOT.right, HEIGHT - PLOT.bottom]
  const placeX = (at: number) => PLOT.left + (at / maxX) * (right - PLOT.left)
  const placeY = (value: number) => bottom - (Math.log(value / minY) / Math.log(maxY / minY)) * (bottom - PLOT.top)

  const grid = [
    ...ticksY.map(
      (tick) =>
        `${line(PLOT.left, placeY(tick), right, placeY(tick), GRID)}${text(PLOT.left - 10, placeY(tick) + 4, `${plain(tick)} ${y.unit}`, { anchor: 'end' })}`,
    ),
    ...ticksX.map(
      (tick) =>
        `${line(placeX(tick), PLOT.top, placeX(tick), bottom, GRID)}${text(placeX(tick), bottom + 20, withThousands(tick), { anchor: 'middle' })}`,
    ),
  ]
  const wanted = limits.map(
    (limit) =>
      `${line(PLOT.left, placeY(limit.y), right, placeY(limit.y), FAINT, '5 4')}${text(PLOT.left + 8, placeY(limit.y) - 6, limit.label, { colour: FAINT })}`,
  )
  const ends = spread(series.map((one) => placeY(one.points.at(-1)![1])))
  const lines = series.map(({ name, colour, points: along }, index) => {
    const path = along.map(([at, value]) => `${round(placeX(at))},${round(placeY(value))}`).join(' ')
    const dots = along.map(
      ([at, value]) => `<circle cx="${round(placeX(at))}" cy="${round(placeY(value))}" r="3" fill="${colour}"/>`,
    )
    const label = text(placeX(along.at(-1)![0]) + 12, ends[index]! + 4, name, { colour, weight: 600 })
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>${dots.join('')}${label}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escapeXml(title)}">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${text(PLOT.left, 34, title, { size: 18, weight: 600 })}
${text(PLOT.left, 56, subtitle, { colour: FAINT })}
${[...grid, line(PLOT.left, bottom, right, bottom, INK), ...wanted, ...lines].join('\n')}
${text((PLOT.left + right) / 2, HEIGHT - 16, x.label, { anchor: 'middle', colour: FAINT })}
<g transform="rotate(-90 18 ${(PLOT.top + bottom) / 2})">${text(18, (PLOT.top + bottom) / 2, y.label, { anchor: 'middle', colour: FAINT })}</g>
</svg>
`
}

/** From 0 to the first tick at or above the largest value, in at most eight steps. */
export function linearTicks(largest: number): number[] {
  const rough = largest / 8
  const decade = 10 ** Math.floor(Math.log10(rough))
  const step = [...STEPS, 10].map((factor) => factor * decade).find((candidate) => candidate >= rough)!
  return Array.from({ length: Math.ceil(largest / step) + 1 }, (_, index) => index * step)
}

/** 1, 2 and 5 of each decade, from the last one at or below the smallest value to the first one at or above the largest. */
export function logarithmicTicks(values: readonly number[]): number[] {
  const [smallest, largest] = [Math.min(...values), Math.max(...values)]
  const ticks: number[] = []
  for (let exponent = Math.floor(Math.log10(smallest)); exponent <= Math.ceil(Math.log10(largest)); exponent += 1) {
    ticks.push(...STEPS.map((factor) => Number(`${factor}e${exponent}`)))
  }
  const from = ticks.findLastIndex((tick) => tick <= smallest)
  const to = ticks.findIndex((tick) => tick >= largest)
  return ticks.slice(Math.max(0, from), to + 1)
}

/** Moves labels apart that would lie on each other, downwards, in the order in which they lie. */
function spread(places: readonly number[]): number[] {
  const moved = [...places]
  const order = places.map((_, index) => index).sort((a, b) => places[a]! - places[b]!)
  for (const [rank, index] of order.entries()) {
    if (rank === 0) continue
    moved[index] = Math.max(moved[index]!, moved[order[rank - 1]!]! + LABEL_HEIGHT)
  }
  return moved
}

type TextStyle = { anchor?: 'start' | 'middle' | 'end'; colour?: string; size?: number; weight?: number }

function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { anchor = 'start', colour = INK, size = 12.5, weight = 400 } = style
  return `<text x="${round(x)}" y="${round(y)}" ${FONT} font-size="${size}" font-weight="${weight}" fill="${colour}" text-anchor="${anchor}">${escapeXml(content)}</text>`
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, dashes?: string): string {
  const dash = dashes === undefined ? '' : ` stroke-dasharray="${dashes}"`
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}"${dash}/>`
}

const round = (value: number) => Math.round(value * 10) / 10
const plain = (value: number) => String(value)
const withThousands = (value: number) => value.toLocaleString('en')

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

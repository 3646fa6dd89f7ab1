/** One line of a chart. */
export interface ChartLine {
  readonly name: string
  readonly color: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface ChartOptions {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly lines: readonly ChartLine[]
  /** Marks on the horizontal axis and what they are called; without them the axis is divided evenly. */
  readonly xMarks?: readonly (readonly [x: number, label: string])[]
  /** Whether the vertical axis is divided by powers of ten. */
  readonly isLogarithmic?: boolean
}

const SIZE = { width: 720, height: 280, left: 64, right: 16, top: 12, bottom: 44 }
const PLOT = { width: SIZE.width - SIZE.left - SIZE.right, height: SIZE.height - SIZE.top - SIZE.bottom }
const X_MARKS = 6

interface Scale {
  at(value: number): number
  readonly marks: readonly (readonly [value: number, label: string])[]
}

/** A line chart as SVG, which needs nothing but itself. Every point says its value when it is pointed at. */
export function renderChart(options: ChartOptions): string {
  const points = options.lines.flatMap(({ points }) => points)
  if (points.length === 0) return `<p class="none">${escapeText(options.title)}: nothing was measured.</p>`
  const xs = points.map(([x]) => x)
  const x = linear(0, Math.max(...xs), PLOT.width, options.xMarks)
  const highest = Math.max(...points.map(([, y]) => y))
  const y = options.isLogarithmic ? logarithmic(points.map(([, value]) => value)) : linear(0, highest || 1, PLOT.height)
  const px = (value: number) => round(SIZE.left + x.at(value))
  const py = (value: number) => round(SIZE.top + PLOT.height - y.at(value))
  return [
    `<figure><figcaption>${escapeText(options.title)}${legend(options.lines)}</figcaption>`,
    `<svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="${escapeText(options.title)}">`,
    ...y.marks.map(([value, label]) => horizontal(py(value), label)),
    ...x.marks.map(([value, label]) => vertical(px(value), label)),
    `<text class="axis" x="${SIZE.left + PLOT.width / 2}" y="${SIZE.height - 4}" text-anchor="middle">${escapeText(options.xLabel)}</text>`,
    `<text class="axis" x="12" y="${SIZE.top + PLOT.height / 2}" text-anchor="middle" transform="rotate(-90 12 ${SIZE.top + PLOT.height / 2})">${escapeText(options.yLabel)}</text>`,
    ...options.lines.map((line) => renderLine(line, px, py)),
    '</svg></figure>',
  ].join('\n')
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function legend(lines: readonly ChartLine[]): string {
  return lines
    .map(({ name, color }) => ` <span class="key"><span style="background:${color}"></span>${escapeText(name)}</span>`)
    .join('')
}

const MAX_DOTS = 240

function renderLine({ name, color, points }: ChartLine, px: (x: number) => number, py: (y: number) => number): string {
  const path = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(x)} ${py(y)}`).join('')
  const every = Math.ceil(points.length / MAX_DOTS)
  const dots = points
    .filter((_, i) => i % every === 0)
    .map(
      ([x, y]) =>
        `<circle cx="${px(x)}" cy="${py(y)}" r="5" fill="transparent"><title>${escapeText(name)} at ${short(x)}: ${short(y)}</title></circle>`,
    )
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"/>${dots.join('')}`
}

function horizontal(y: number, label: string): string {
  return `<line class="grid" x1="${SIZE.left}" x2="${SIZE.left + PLOT.width}" y1="${y}" y2="${y}"/><text x="${SIZE.left - 8}" y="${y + 4}" text-anchor="end">${escapeText(label)}</text>`
}

function vertical(x: number, label: string): string {
  const bottom = SIZE.top + PLOT.height
  return `<line class="grid" x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 4}"/><text x="${x}" y="${bottom + 18}" text-anchor="middle">${escapeText(label)}</text>`
}

function linear(from: number, to: number, length: number, marks?: Scale['marks']): Scale {
  const range = to - from || 1
  const step = niceStep(range / X_MARKS)
  const regular: [number, string][] = []
  for (let value = Math.ceil(from / step) * step; value <= to + step / 1e6; value += step) {
    regular.push([value, short(value)])
  }
  return { at: (value) => ((value - from) / range) * length, marks: marks ?? regular }
}

function logarithmic(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0)
  const low = Math.floor(Math.log10(Math.min(...positive, 1)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 1))))
  const marks = Array.from({ length: high - low + 1 }, (_, i): [number, string] => [
    10 ** (low + i),
    short(10 ** (low + i)),
  ])
  const at = (value: number) => ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * PLOT.height
  return { at, marks }
}

/** The next 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  return ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power
}

function short(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 })
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

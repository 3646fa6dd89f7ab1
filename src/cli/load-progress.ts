import type { Moment } from '../load/measurements.ts'
import type { Progress } from '../load/run.ts'
import { format, formatMs, percent } from '../load/text-report.ts'

const BLOCKS = '▁▂▃▄▅▆▇█'
const HISTORY = 40
const BAR_WIDTH = 40

/** Where progress is written. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Shows how far a run is: lines that are written over again in a terminal, else one line a second. */
export class ProgressView {
  readonly #output: ProgressOutput
  readonly #durationSeconds: number
  #lines = 0

  constructor(output: ProgressOutput, durationSeconds: number) {
    this.#output = output
    this.#durationSeconds = durationSeconds
  }

  show(progress: Progress): void {
    if (this.#output.isTTY !== true) {
      this.#output.write(`${plainLine(progress)}\n`)
      return
    }
    const width = this.#output.columns ?? 80
    const lines = liveLines(progress, this.#durationSeconds).map((line) => line.slice(0, width - 1))
    this.clear()
    this.#output.write(`${lines.join('\n')}\n`)
    this.#lines = lines.length
  }

  /** Takes the live lines away, for what comes after them. */
  clear(): void {
    if (this.#lines > 0) this.#output.write(`\u001b[${this.#lines}A\u001b[0J`)
    this.#lines = 0
  }
}

function plainLine({ phase, atSeconds, account, measurements }: Progress): string {
  const last = measurements.moments.at(-1)
  const counts = `sent ${account.sent} accepted ${account.accepted} delivered ${account.delivered}`
  const bad = `duplicated ${account.duplicated} misdelivered ${account.misdelivered} corrupted ${account.corrupted} out-of-order ${account.outOfOrder}`
  const now = last?.p99Ms === undefined ? '' : ` p50 ${formatMs(last.p50Ms ?? 0)} ms p99 ${formatMs(last.p99Ms)} ms`
  return `${atSeconds.toFixed(0)} s ${phase}: ${counts} outstanding ${account.outstanding} ${bad}${now}`
}

function liveLines({ phase, atSeconds, account, measurements }: Progress, durationSeconds: number): string[] {
  const { moments } = measurements
  const last = moments.at(-1)
  const done = Math.min(1, atSeconds / durationSeconds)
  const bar = '█'.repeat(Math.round(done * BAR_WIDTH)).padEnd(BAR_WIDTH, '·')
  const rate = (of: (moment: Moment) => number) => `${format(last === undefined ? 0 : of(last))}/s`.padStart(10)
  const refused = Object.values(account.refused).reduce((sum, count) => sum + count, 0)
  const wrong = account.duplicated + account.misdelivered + account.corrupted + account.outOfOrder
  return [
    `${bar} ${atSeconds.toFixed(0)} of ${durationSeconds} s, ${phase}`,
    `sent       ${format(account.sent).padStart(12)} ${rate(({ sent }) => sent)}  ${spark(moments.map(({ sent }) => sent))}`,
    `accepted   ${format(account.accepted).padStart(12)} ${rate(({ accepted }) => accepted)}  ${spark(moments.map(({ accepted }) => accepted))}`,
    `delivered  ${format(account.delivered).padStart(12)} ${rate(({ delivered }) => delivered)}  ${spark(moments.map(({ delivered }) => delivered))}`,
    `p99        ${`${formatMs(last?.p99Ms ?? 0)} ms`.padStart(12)} ${''.padStart(10)}  ${spark(moments.map(({ p99Ms }) => p99Ms ?? 0))}`,
    `refused ${format(refused)}, unsure ${format(account.unsure)}, outstanding ${format(account.outstanding)}, wrong ${format(wrong)}; worker ${percent(last?.cpu ?? 0)}${(last?.waiting ?? 0) > 0 ? `, ${format(last?.waiting ?? 0)} due and waiting` : ''}`,
  ]
}

/** The last values as a row of bars, the highest of them full. */
function spark(values: readonly number[]): string {
  const recent = values.slice(-HISTORY)
  const highest = Math.max(...recent, Number.MIN_VALUE)
  return recent.map((value) => BLOCKS[Math.round((value / highest) * (BLOCKS.length - 1))]).join('')
}

import { MEASURES, type Measure, type Sample, sum } from './sample.ts'
import { type Spread, spreadOf } from './statistics.ts'
import { SYSTEMS } from './systems.ts'

const MEGABYTE = 1_048_576

/** All rounds of one measure of one server. */
export interface Row {
  readonly system: string
  readonly measure: Measure
  readonly cpu: Spread
  /** Server, then stores, medians. */
  readonly cpuParts: readonly number[]
  readonly messagesPerSecond: Spread
  readonly p50Ms?: Spread
  readonly p99Ms?: Spread
  readonly residentBytes: Spread
  readonly serverBusy: number
  readonly clientBusy: number
  /** Envelopes that were refused, came twice or to the wrong mailbox, in all rounds; none is lost, or the run stops. */
  readonly faults: number
}

/** Puts the rounds together, in the order of measures and systems. */
export function rowsOf(samples: readonly Sample[]): Row[] {
  return (Object.keys(MEASURES) as Measure[]).flatMap((measure) =>
    SYSTEMS.flatMap(({ name }) => {
      const rounds = samples.filter((sample) => sample.measure === measure && sample.system === name)
      return rounds.length === 0 ? [] : [rowOf(rounds as [Sample, ...Sample[]])]
    }),
  )
}

function rowOf(rounds: readonly [Sample, ...Sample[]]): Row {
  const [{ system, measure, cpuMicroseconds, p50Ms }] = rounds
  const spread = (value: (sample: Sample) => number) => spreadOf(rounds.map(value))
  return {
    system,
    measure,
    cpu: spread((sample) => sum(sample.cpuMicroseconds)),
    cpuParts: cpuMicroseconds.map((_, i) => spread((sample) => sample.cpuMicroseconds[i] ?? 0).median),
    messagesPerSecond: spread((sample) => sample.messagesPerSecond),
    ...(p50Ms !== undefined && {
      p50Ms: spread((sample) => sample.p50Ms ?? 0),
      p99Ms: spread((sample) => sample.p99Ms ?? 0),
    }),
    residentBytes: spread((sample) => sum(sample.residentBytes)),
    serverBusy: spread((sample) => sample.serverBusy).median,
    clientBusy: spread((sample) => sample.clientBusy).median,
    faults: sum(rounds.map(({ outcome }) => outcome.refused + outcome.duplicated + outcome.misdelivered)),
  }
}

const digits = (value: number) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'))
const range = ({ median, min, max }: Spread) => `${digits(median)} (${digits(min)}–${digits(max)})`

/** Who is at its limit at saturation. */
function limit({ measure, serverBusy, clientBusy }: Row): string {
  if (measure === 'online-paced' || measure === 'half-rate') return ''
  if (serverBusy >= 0.95) return 'server'
  return clientBusy >= 0.95 ? 'clients' : 'neither'
}

/** The rows as a Markdown table for each measure. */
export function renderRows(rows: readonly Row[]): string {
  const titles = new Map<string, string>(SYSTEMS.map(({ name, title }) => [name, title]))
  const tables = Object.entries(MEASURES).map(([measure, title]) => {
    const lines = rows
      .filter((row) => row.measure === measure)
      .map((row) =>
        [
          titles.get(row.system),
          `${range(row.cpu)}`,
          row.cpuParts.length > 1 ? row.cpuParts.map(digits).join(' + ') : '',
          range(row.messagesPerSecond),
          row.p50Ms ? digits(row.p50Ms.median) : '',
          row.p99Ms ? range(row.p99Ms) : '',
          digits(row.residentBytes.median / MEGABYTE),
          limit(row),
          String(row.faults),
        ].join(' | '),
      )
    if (lines.length === 0) return undefined
    const head =
      'server | CPU, µs a message | of it relay + stores | messages/s | p50 ms | p99 ms | MiB | limit | faults'
    return `**${title}**\n\n| ${head} |\n|${' --- |'.repeat(9)}\n${lines.map((line) => `| ${line} |`).join('\n')}`
  })
  return tables.filter((table) => table !== undefined).join('\n\n')
}

import type { Outcome } from './fault.ts'

const HEAD = [
  '| fault | rounds | accepted | lost | duplicated | misdelivered | seconds until all was well: median, longest | counted from |',
  '| --- | --- | --- | --- | --- | --- | --- | --- |',
]

/** The table of docs/delivery.md. */
export function tableOf(outcomes: readonly Outcome[]): string {
  return [...HEAD, ...outcomes.map(rowOf)].join('\n')
}

function rowOf({ name, rounds, mayLose, report: { account }, recoveriesMs, since }: Outcome): string {
  const { accepted, lost, duplicated, misdelivered } = account
  const number = (count: number) => count.toLocaleString('en-US')
  const gone = mayLose ? `${number(lost)}, by design` : number(lost)
  const counts = [number(rounds), number(accepted), gone, number(duplicated), number(misdelivered)]
  return `| ${[name, ...counts, timesOf(recoveriesMs), since].join(' | ')} |`
}

function timesOf(recoveriesMs: Outcome['recoveriesMs']): string {
  if (recoveriesMs.some((ms) => ms === undefined)) return 'not in time'
  const sorted = (recoveriesMs as readonly number[]).toSorted((a, b) => a - b)
  const seconds = (ms = 0) => (ms / 1_000).toFixed(1)
  return `${seconds(sorted[Math.floor((sorted.length - 1) / 2)])}, ${seconds(sorted.at(-1))}`
}

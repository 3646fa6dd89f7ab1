import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Report } from '../../src/load/report.ts'
import { startLoad } from '../../src/load/run.ts'
import { CLIENT_PROCESSOR, canPin } from './processes.ts'
import { BENCH_FOLDER, writeReadmeSection } from './readme-section.ts'
import { requirePrograms } from './requirements.ts'
import { spreadOf } from './statistics.ts'
import { type Running, systemNamed } from './systems.ts'

const USAGE = `npm run bench:overload -- [--rounds 3] [--seconds 20] [--smoke]

Finds the most that a relay on Redis accepts, offers twice as much, and writes what came of it into docs/limits.md.
--smoke is for a test: it takes seconds, and writes nothing.`

/** What is usual, which the rest of the benchmark sets so high that nobody meets it. */
const RELAY_ENV = { LETHE_MAX_WAIT_MS: '400', LETHE_METRICS_EXACT: 'true' }
const LIMITS_PAGE = fileURLToPath(new URL('../../docs/limits.md', BENCH_FOLDER))
const PEOPLE = 200
const TARGET_GOODPUT = 0.8
const TARGET_P99_MS = 1_000

interface Effort {
  readonly rounds: number
  readonly seconds: number
  /** Deposits a second that the search for the top begins with, and the most that it tries. */
  readonly firstRate: number
  readonly lastRate: number
}

/** One time that a rate was offered. */
interface Offer {
  /** Deposits a second. */
  readonly offered: number
  readonly accepted: number
  readonly p99Ms: number
  readonly lost: number
  /** Whether the tester kept its own schedule. */
  readonly isTesterFit: boolean
}

async function offer({ port }: Running, rate: number, seconds: number): Promise<Offer> {
  const launcher = canPin ? ['taskset', '-c', String(CLIENT_PROCESSOR)] : []
  const run = await startLoad(
    { urls: [`http://127.0.0.1:${port}`], rate, durationSeconds: seconds, senders: PEOPLE, recipients: PEOPLE },
    { workerLauncher: launcher, ledgerLauncher: launcher },
  )
  const { rates, latencies, account, ownLimits }: Report = await run.finished
  const { lost } = account
  const p99Ms = latencies.accept.percentilesMs.p99 as number
  return { offered: rate, accepted: rates.accepted, p99Ms, lost, isTesterFit: ownLimits.length === 0 }
}

/** Offers more and more until a tenth of it is not accepted. @returns the most that was accepted in a second */
async function findTop(relay: Running, { firstRate, lastRate, seconds }: Effort): Promise<number> {
  let top = 0
  for (let rate = firstRate; rate <= lastRate; rate *= 1.25) {
    const { offered, accepted } = await offer(relay, rate, seconds / 2)
    top = Math.max(top, accepted)
    console.error(`${Math.round(offered)} offered a second: ${Math.round(accepted)} accepted`)
    if (accepted < offered * 0.9) break
  }
  return top
}

async function measure(effort: Effort): Promise<string> {
  const relay = await systemNamed('lethe-redis').start({ env: RELAY_ENV })
  try {
    await offer(relay, effort.firstRate, effort.seconds / 2)
    const rounds: { top: number; twice: Offer }[] = []
    for (let round = 0; round < effort.rounds; round++) {
      const top = await findTop(relay, effort)
      const twice = await offer(relay, top * 2, effort.seconds)
      console.error(`twice the top: ${Math.round(twice.accepted)} accepted a second, p99 ${Math.round(twice.p99Ms)} ms`)
      rounds.push({ top, twice })
    }
    return render(rounds, effort)
  } finally {
    await relay.stop()
  }
}

function render(rounds: readonly { top: number; twice: Offer }[], { seconds }: Effort): string {
  const goodput = rounds.map(({ top, twice }) => twice.accepted / top)
  const p99s = rounds.map(({ twice }) => twice.p99Ms)
  const count = (value: number) => Math.round(value).toLocaleString('en')
  const rows = rounds.map(
    ({ top, twice }, i) =>
      `| ${[i + 1, count(top), count(twice.offered), count(twice.accepted), `${Math.round((goodput[i] as number) * 100)} %`, count(twice.p99Ms), twice.lost, twice.isTesterFit ? 'yes' : '**no**'].join(' | ')} |`,
  )
  const [share, p99] = [spreadOf(goodput), spreadOf(p99s)]
  const verdict = (isMet: boolean) => (isMet ? 'met' : '**not met**')
  return [
    `\`npm run bench:overload\`: a relay on one Redis, ${PEOPLE} senders and ${PEOPLE} recipients, envelopes of 4,000 bytes, ${seconds} seconds a round, on ${availableParallelism()} × ${cpus()[0]?.model.trim()}, Node.js ${process.versions.node}. The relay and Redis have one processor, \`lethe load\` another.`,
    '| round | top, accepted a second | offered | accepted | of the top | p99 until accepted, ms | lost | tester kept its schedule |\n| --- | --- | --- | --- | --- | --- | --- | --- |',
    `Goodput at twice the top, target ≥ ${TARGET_GOODPUT * 100} %: ${Math.round(share.median * 100)} % (${Math.round(share.min * 100)}–${Math.round(share.max * 100)}), ${verdict(share.min >= TARGET_GOODPUT)}. p99 of what was accepted, from when it was due, target < ${count(TARGET_P99_MS)} ms: ${count(p99.median)} ms (${count(p99.min)}–${count(p99.max)}), ${verdict(p99.max < TARGET_P99_MS)}.`,
  ]
    .map((part, i) => (i === 1 ? [part, ...rows].join('\n') : part))
    .join('\n\n')
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '20' },
    smoke: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(USAGE)
else {
  requirePrograms([systemNamed('lethe-redis')])
  const text = await measure(
    values.smoke
      ? { rounds: 1, seconds: 2, firstRate: 100, lastRate: 100 }
      : { rounds: Number(values.rounds), seconds: Number(values.seconds), firstRate: 1_000, lastRate: 100_000 },
  )
  if (!values.smoke) writeReadmeSection('overload', text, LIMITS_PAGE)
  console.log(text)
}

import { existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FULL, QUICK, SMOKE } from './measure.ts'
import { BENCH_FOLDER, writeReadmeSection } from './readme-section.ts'
import { requirePrograms } from './requirements.ts'
import { emptyResults, type Provenance, type Results, readResults } from './results.ts'
import { PARTS, type Part, type Plan, runPlan } from './run.ts'
import { costsOf, renderGrowth, renderNeeds } from './scaling.ts'
import { SYSTEMS, systemNamed, UsageError } from './systems.ts'
import { renderRows, rowsOf } from './table.ts'
import { renderTargets, targetsOf } from './targets.ts'

const FULL_RESULTS = fileURLToPath(new URL('results/full.json', BENCH_FOLDER))

const SCALING = fileURLToPath(new URL('../../docs/scaling.md', BENCH_FOLDER))

const FULL_CROWD = 8_000
const FULL_QUEUED = 1_000_000

const USAGE = `npm run bench -- [options]
  --rounds N        rounds of everything (5)
  --only A,B        only these: ${SYSTEMS.map(({ name }) => name).join(', ')}
  --parts A,B       only these: ${PARTS.join(', ')}
  --crowd N         connections of the parts idle and reconnect (8000)
  --queued N        envelopes that wait in the part crowded (1000000)
  --quick           one short round, about four minutes: an indication
  --smoke           everything very small, to see that it runs
  --out FILE        write the results, as JSON
  --append FILE     go on from the results in that file, which is made if it is not there
  --report FILE     measure nothing: print these results and put them into ops/bench/README.md and docs/scaling.md
A full run writes ops/bench/results/full.json as well as these two.
`

function provenanceText({ processor, processors, versions, effort, envelopeBytes }: Provenance): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return (
    `Processor: ${processor}, ${processors} of them, one for the servers and one for the clients. ${programs.join(', ')}.\n` +
    `Envelopes of ${envelopeBytes.toLocaleString('en')} bytes; ${effort.senders} senders, ${effort.recipients} recipients, ` +
    `window ${effort.window}; ${effort.seconds} s measured after ${effort.warmMessages.toLocaleString('en')} messages. ` +
    'Medians, with the smallest and largest round.'
  )
}

function render(results: Results): string {
  return [
    provenanceText(results.provenance),
    renderTargets(targetsOf(results)),
    renderRows(rowsOf(results.samples)),
  ].join('\n\n')
}

function writeScaling(results: Results): void {
  writeReadmeSection('growth', renderGrowth(results), SCALING)
  const costs = costsOf(results)
  if (costs) writeReadmeSection('needs', renderNeeds([1e6, 1e8], costs), SCALING)
}

function parsePlan(values: {
  rounds?: string | undefined
  crowd?: string | undefined
  queued?: string | undefined
  only?: string | undefined
  parts?: string | undefined
  quick?: boolean | undefined
  smoke?: boolean | undefined
}): Omit<Plan, 'say' | 'save'> {
  const parts = new Set((values.parts?.split(',') ?? PARTS) as Part[])
  const unknown = [...parts].filter((part) => !PARTS.includes(part))
  if (unknown.length > 0) throw new UsageError(`unknown: ${unknown.join(', ')}; the parts are ${PARTS.join(', ')}`)
  const rounds = Number(values.rounds ?? (values.quick || values.smoke ? 1 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError('--rounds takes a number from 1')
  return {
    effort: values.smoke ? SMOKE : values.quick ? QUICK : FULL,
    rounds,
    parts,
    systems: values.only ? values.only.split(',').map(systemNamed) : SYSTEMS,
    crowd: Number(values.crowd ?? (values.smoke ? 20 : FULL_CROWD)),
    queued: Number(values.queued ?? (values.smoke ? 2_000 : values.quick ? 100_000 : FULL_QUEUED)),
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      crowd: { type: 'string' },
      queued: { type: 'string' },
      only: { type: 'string' },
      parts: { type: 'string' },
      quick: { type: 'boolean' },
      smoke: { type: 'boolean' },
      out: { type: 'string' },
      append: { type: 'string' },
      report: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return console.log(USAGE)
  if (values.report !== undefined) {
    const text = render(readResults(values.report))
    writeReadmeSection('results', text)
    writeScaling(readResults(values.report))
    return console.log(text)
  }
  const plan = parsePlan(values)
  requirePrograms(plan.systems)
  const isWhole = values.only === undefined && values.parts === undefined
  const isFull =
    isWhole && plan.effort === FULL && plan.rounds >= 5 && plan.crowd >= FULL_CROWD && plan.queued >= FULL_QUEUED
  const file = values.append ?? values.out ?? (isFull ? FULL_RESULTS : undefined)
  const results =
    values.append !== undefined && existsSync(values.append) ? readResults(values.append) : emptyResults(plan.effort)
  const save = () => file && writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`)
  await runPlan({ ...plan, save, say: (line) => console.error(line) }, results)
  const text = render(results)
  if (isFull) {
    writeReadmeSection('results', text)
    writeScaling(results)
  }
  console.log(text)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

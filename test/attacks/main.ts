import { randomBytes } from 'node:crypto'
import { writeIntoDocument } from '../../ops/forensics/document.ts'
import { startRedis } from '../_util/redis.ts'
import { startRelay } from '../_util/relay.ts'
import { pathWithRedis } from '../_util/runner/redis-server.ts'
import { attack, type Outcome } from './attack.ts'
import { ATTACKS, type Attack, broken, LIMITED, MOST_SLOWED_DOWN } from './plans.ts'

const TIMES = { quietMs: 3_000, attackMs: 6_000 }
const COMMAND = 'npm run test:attacks -- --write'
const HEADER = [
  '| attack | from | it did | honest rounds, p99 before → during | newcomers accepted | memory | processor |',
  '| --- | --- | --- | --- | --- | --- | --- |',
]

const times = ({ before, during }: Outcome) => during.p99Ms / before.p99Ms
const number = (value: number) => Math.round(value).toLocaleString('en')

function row({ title, connections }: Attack, outcome: Outcome): string {
  const { before, during, counts, grownBytes, cpuShare } = outcome
  const did = Object.entries(counts)
    .filter(([what]) => what !== 'ended')
    .map(([what, count]) => `${number(count)} ${what}`)
  const cells = [
    title,
    `${number(connections[0])} connections`,
    did.join(', '),
    `${number(during.rounds)}, ${before.p99Ms.toFixed(1)} → ${during.p99Ms.toFixed(1)} ms (${times(outcome).toFixed(1)} ×)`,
    `${during.accepted} of ${during.newcomers}`,
    `+${number(grownBytes / 1e6)} MB`,
    `${number(cpuShare * 100)} %`,
  ]
  return `| ${cells.join(' | ')} |`
}

/** Runs one attack on a relay and a Redis of its own. */
async function run({ behaviour, connections, env, isAtWork }: Attack): Promise<Outcome> {
  const redis = await startRedis()
  try {
    const store = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: randomBytes(32).toString('base64url') }
    const relay = await startRelay({ ...store, ...LIMITED, ...env?.[0] })
    try {
      return await attack(relay, { behaviour, connections: connections[0], ...TIMES, ...(isAtWork && { isAtWork }) })
    } finally {
      await relay.stop()
    }
  } finally {
    await redis.stop()
  }
}

/** `npm run test:attacks`: every attack in its long form, or those that are named by a part of their title. */
async function main(args: readonly string[]): Promise<number> {
  process.env.PATH = pathWithRedis(process.env.PATH ?? '')
  const parts = args.filter((arg) => !arg.startsWith('-'))
  const chosen = ATTACKS.filter(({ title }) => parts.length === 0 || parts.some((part) => title.includes(part)))
  const rows = [...HEADER]
  const wrong: string[] = []
  for (const one of chosen) {
    const outcome = await run(one)
    rows.push(row(one, outcome))
    process.stderr.write(`${rows.at(-1)}\n`)
    wrong.push(...broken(outcome).map((what) => `${one.title}: ${what}`))
    if (one.isTimed && times(outcome) > MOST_SLOWED_DOWN)
      wrong.push(`${one.title}: honest clients were slowed down too far`)
  }
  process.stdout.write(`${rows.join('\n')}\n`)
  for (const line of wrong) process.stderr.write(`BROKEN ${line}\n`)
  if (args.includes('--write')) writeIntoDocument('attacks', COMMAND, rows.join('\n'), 'attacks.md')
  return wrong.length === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { installPrograms } from '../_util/runner/programs.ts'
import { pathWithRedis } from '../_util/runner/redis-server.ts'
import type { AnyFault, Outcome } from './frame/fault.ts'
import { NotHereError } from './frame/not-here.ts'
import { tableOf } from './frame/table.ts'
import { FAULTS } from './rows/all.ts'

/**
 * `npm run test:faults`: every fault, or those that are named, for all their rounds, and each once more with a planted bug
 * that must show. Prints the table of docs/delivery.md. What cannot be tried on this machine is skipped with a line.
 */

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function tell(name: string, { report: { account, connections }, recoveriesMs, problems }: Outcome): void {
  const { sent, accepted, unsure, refused, delivered, redelivered, lost, duplicated, misdelivered } = account
  const times = recoveriesMs.map((ms) => (ms === undefined ? '-' : (ms / 1_000).toFixed(1))).join(' ')
  say(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name}: well after ${times} s`)
  say(
    `       ${JSON.stringify({ sent, accepted, delivered, lost, duplicated, misdelivered, redelivered, unsure, refused })}`,
  )
  say(`       connections ${JSON.stringify(connections)}`)
  for (const problem of problems) say(`       ${problem}`)
}

async function runRow(name: string, fault: AnyFault, rounds: number): Promise<{ outcome: Outcome; isRight: boolean }> {
  const outcome = await fault.run({ rounds })
  tell(name, outcome)
  const { problems } = await fault.run({ rounds: 1, bug: fault.bug }).catch((error) => ({ problems: [String(error)] }))
  const isSeen = problems.length > 0
  say(`${isSeen ? 'ok    ' : 'FAILED'} ${name} with a planted bug (${fault.bug}): ${problems.join('; ') || 'not seen'}`)
  return { outcome, isRight: isSeen && outcome.problems.length === 0 }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string' } } })
  process.env.PATH = pathWithRedis(process.env.PATH ?? '')
  installPrograms(process.env.PATH, [fileURLToPath(new URL('./stores/namespace.js', import.meta.url))])
  const names = positionals.length > 0 ? positionals : Object.keys(FAULTS)
  const outcomes: Outcome[] = []
  let wrong = 0
  let skipped = 0
  for (const name of names) {
    const fault = FAULTS[name]
    if (fault === undefined) throw new Error(`there is no fault ${name}; there are: ${Object.keys(FAULTS).join(', ')}`)
    try {
      const { outcome, isRight } = await runRow(name, fault, Number(values.rounds ?? fault.rounds))
      outcomes.push(outcome)
      if (!isRight) wrong++
    } catch (error) {
      const isSkipped = error instanceof NotHereError
      say(isSkipped ? `skipped ${name}: ${error.message}` : `FAILED ${name}: ${(error as Error).stack}`)
      if (isSkipped) skipped++
      else wrong++
    }
  }
  say(`\n${tableOf(outcomes)}\n`)
  if (skipped > 0) say(`${skipped} skipped`)
  say(`${names.length - wrong - skipped} passed, ${wrong} failed`)
  return wrong === 0 ? 0 : 1
}

process.exitCode = await main()

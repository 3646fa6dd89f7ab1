import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from '../_util/tap.ts'

const run = promisify(execFile)
const BENCH = fileURLToPath(new URL('../../ops/bench/bench.js', import.meta.url))
const OVERLOAD = fileURLToPath(new URL('../../ops/bench/overload.js', import.meta.url))
const LIMITS_PAGE = fileURLToPath(new URL('../../../docs/limits.md', import.meta.url))

interface Sample {
  system: string
  measure: string
  outcome: { accepted: number; delivered: number; refused: number; duplicated: number; misdelivered: number }
}

test('the benchmark runs, in small: every envelope comes back, and every target has its row [C2]', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-bench-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'results.json')
  const parts = ['--smoke', '--only', 'ws-echo,lethe-memory', '--parts', 'online,offline', '--out', file]
  const { stdout } = await run(process.execPath, [BENCH, ...parts])
  const { samples } = JSON.parse(await readFile(file, 'utf8')) as { samples: Sample[] }

  t.strictSame(
    samples.map(({ system, measure }) => `${system} ${measure}`),
    [
      'ws-echo online-saturated',
      'ws-echo online-paced',
      'lethe-memory online-saturated',
      'lethe-memory online-paced',
      'lethe-memory store',
      'lethe-memory drain',
    ],
  )
  for (const { system, measure, outcome } of samples) {
    t.ok(outcome.accepted > 0, `${system}, ${measure}: envelopes were accepted`)
    t.equal(outcome.refused + outcome.duplicated + outcome.misdelivered, 0, 'none was refused, doubled or misled')
    if (measure !== 'store') t.equal(outcome.delivered, outcome.accepted, 'all were delivered')
  }
  for (const words of ['to aedes', 'to NATS JetStream', 'bare ws echo', 'bare Fastify', 'idle ws', 'come back']) {
    t.match(stdout, words, `the table has a row for ${words}`)
  }
})

test('the benchmark names what there is when it is asked for something else', async (t) => {
  const complaint = (...args: string[]) =>
    run(process.execPath, [BENCH, ...args]).catch(({ code, stderr }) => ({ code, stderr }))
  t.match(await complaint('--only', 'pigeons'), {
    code: 2,
    stderr: /^no system is called pigeons.*ws-echo.*lethe-redis/,
  })
  t.match(await complaint('--parts', 'lunch'), { code: 2, stderr: /^unknown: lunch.*online.*crowded/ })
})

test('the measurement of overload runs, in small: it finds a top, offers twice as much, and writes nothing [E5.6]', async (t) => {
  const page = await readFile(LIMITS_PAGE, 'utf8')
  const { stdout } = await run(process.execPath, [OVERLOAD, '--smoke'])
  t.match(stdout, /^\| 1 \| \d+ \| \d+ \| \d+ \| \d+ % \| [\d,]+ \| 0 \|/m, 'and nothing is lost')
  t.match(stdout, /^Goodput at twice the top, target ≥ 80 %: \d+ %/m)
  t.equal(await readFile(LIMITS_PAGE, 'utf8'), page)
  t.match(page, /^<!-- overload: written by the script -->$/m, 'there is a place for the whole measurement')
})

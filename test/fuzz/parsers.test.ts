import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from '../_util/tap.ts'
import { PARSERS } from './parsers.ts'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))
/** For all parsers together, beside what finding new code takes. */
const ALL_SECONDS = 60

/** In a process of its own, where V8 counts little else. */
function run(...args: string[]): { status: number | null; lines: string[] } {
  const command = ['-u', 'NODE_OPTIONS', process.execPath, MAIN, ...args]
  const { status, stdout, stderr } = spawnSync('env', command, { encoding: 'utf8' })
  return { status, lines: (stdout + stderr).trim().split('\n') }
}

test('every parser takes or refuses whatever comes', async (t) => {
  const { status, lines } = run('--inputs', '1000000', '--seconds', `${ALL_SECONDS}`)
  t.same(
    lines.map((line) => line.replace(/: .*/, '')),
    PARSERS.map(({ name }) => name),
  )
  for (const line of lines) t.match(line, /: [1-9]\d* inputs, [1-9]\d* kept, /, line)
  t.equal(status, 0)
})

test('a fault behind two bytes is found by inputs that were kept', async (t) => {
  const { status, lines } = run('--planted', '--inputs', '2000000')
  t.match(lines.at(-1), /^FAILED [\w-]+: TypeError: the planted fault$/)
  t.match(lines[0], /, [2-9] kept, /, 'the first byte was a step')
  t.equal(status, 1)
})

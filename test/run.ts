import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RedisServer, startRedis } from './_util/redis.ts'
import { installPrograms } from './_util/runner/programs.ts'
import { installPromtool } from './_util/runner/promtool.ts'
import { pathWithRedis, RedisMissingError } from './_util/runner/redis-server.ts'
import { buildTap, TapProcess, type TapRun } from './_util/runner/run-tap.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
let interruptedBy: NodeJS.Signals | undefined
let tap: TapProcess | undefined

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** The compiled file of a test, which may be named by its source as well. */
function compiled(file: string): string {
  const path = relative(project, resolve(file))
  return path.endsWith('.ts') ? join('build', path.replace(/\.ts$/, '.js')) : path
}

/** Every test that has a source, so that the compiled rest of a removed one does not run. */
function allTests(): string[] {
  return readdirSync(join(project, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('build/test', name.replace(/\.ts$/, '.js')))
    .sort()
}

function chosenTests(args: readonly string[]): string[] {
  const named = args.filter((arg) => !arg.startsWith('-')).map(compiled)
  const files = named.length > 0 ? named : allTests()
  const missing = files.filter((file) => !existsSync(join(project, file)))
  if (missing.length > 0) throw new Error(`not there, build first (npm run build): ${missing.join(', ')}`)
  if (files.length === 0) throw new Error('there are no tests')
  return files
}

async function run(files: readonly string[], tapOptions: readonly string[]): Promise<TapRun> {
  process.env.PATH = pathWithRedis(process.env.PATH ?? '')
  const paths = files.map((file) => join(project, file))
  installPromtool(process.env.PATH, paths)
  installPrograms(process.env.PATH, paths)
  buildTap(project)
  // Whatever a killed test leaves in its temporary folder goes with this one.
  const folder = mkdtempSync(join(tmpdir(), 'lethe-test-'))
  process.env.TMPDIR = folder
  let redis: RedisServer | undefined
  try {
    redis = await startRedis()
    tap = new TapProcess([...tapOptions, ...files], {
      cwd: project,
      env: { ...process.env, LETHE_TEST_REDIS_URL: redis.url },
    })
    if (interruptedBy) tap.stop()
    return await tap.finished()
  } finally {
    await redis?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Prints what counts and gives the exit code. */
function conclude({ code, totals, leftBehind }: TapRun): number {
  const { passed, failed, skipped, empty } = totals ?? { passed: 0, failed: 0, skipped: 0, empty: 0 }
  if (!totals) say('tap ended without counting')
  if (skipped > 0) say(`${skipped} skipped or to do, which counts as failed`)
  if (empty > 0) say(`${empty} without any assertion, which counts as failed`)
  for (const left of leftBehind) say(`left running by a test, which counts as failed, and ended now: ${left}`)
  const bad = failed + skipped + empty + leftBehind.length
  const uncounted = bad === 0 && (code !== 0 || passed === 0) ? 1 : 0
  say(`${passed} passed, ${bad + uncounted} failed`)
  if (interruptedBy) return 128 + constants.signals[interruptedBy]
  return code || (bad + uncounted > 0 ? 1 : 0)
}

/**
 * `npm test`: every test, or the files given as arguments (compiled, or by their source), against a real Redis that
 * lives as long as the run; arguments that start with a dash go to tap. The last line is `N passed, N failed`, in
 * assertions as tap counts them.
 */
async function main(args: readonly string[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruptedBy = signal
      tap?.stop()
    })
  }
  try {
    const files = chosenTests(args)
    const tapOptions = args.filter((arg) => arg.startsWith('-'))
    return conclude(await run(files, tapOptions))
  } catch (error) {
    const known = error instanceof RedisMissingError
    process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : error}\n`)
    return 1
  }
}

process.exitCode = await main(process.argv.slice(2))

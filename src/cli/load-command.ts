import { writeFile } from 'node:fs/promises'
import type { Report } from '../load/report.ts'
import type { LoadRun, Progress } from '../load/run.ts'
import type { Judgement } from '../load/slo.ts'
import { defineCommand } from './command.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { Failure, fileProblem } from './failure.ts'
import { describeNames, LOAD_OPTIONS, type LoadRequest, optionOf, readLoadOptions } from './load-options.ts'
import { ProgressView } from './load-progress.ts'

export const loadCommand = defineCommand({
  name: 'load',
  summary: 'load-test relays, and account for every envelope',
  positionals: { usage: 'URL...', min: 1, max: 1_000 },
  options: LOAD_OPTIONS,
  // Only when it is asked for: it looks into a folder, and every command passes here.
  get about() {
    return `
Deposits envelopes at relays that you run, receives them, and says how long it took and what became of each one: lost,
duplicated, misdelivered, corrupted, out of order. It makes its own mailboxes, and leaves nothing behind.

Deposits are sent when they are due, whether or not the relay keeps up, and latencies count from when they were due. At
the end every mailbox is read, so that lost means lost. Where the tester itself was too slow, the report says so.
Ctrl-C ends the test early, with a report; a second one ends it at once.

Exits with 1 where a threshold was missed.

${describeNames()}`
  },
  async run(input) {
    const request = readLoadOptions(input)
    const report = await carryOut(request)
    return await publish(report, request)
  },
})

/** @throws Failure (64) for a plan that cannot be carried out; ClientError where a relay does not answer */
async function carryOut(request: LoadRequest): Promise<Report> {
  // Loaded here, since the other commands start faster without it.
  const { startLoad } = await import('../load/run.ts')
  const { DEFAULT_PLAN, PlanError } = await import('../load/plan.ts')
  const view = new ProgressView(process.stderr, request.plan.durationSeconds ?? DEFAULT_PLAN.durationSeconds)
  let run: LoadRun
  try {
    run = await startLoad(request.plan, { onProgress: (progress: Progress) => view.show(progress) })
  } catch (error) {
    if (!(error instanceof PlanError)) throw error
    throw new Failure(EXIT.usage, `lethe load: ${optionOf(error.field)}: ${error.message}`)
  }
  const stop = (): void => void run.stop().catch(() => undefined)
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    return await run.finished
  } finally {
    view.clear()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

async function publish(report: Report, { thresholds, jsonFile, htmlFile }: LoadRequest): Promise<ExitCode> {
  const { judge } = await import('../load/slo.ts')
  const { renderText } = await import('../load/text-report.ts')
  const judgements = judge(report, thresholds)
  const table = renderText(report, judgements)
  if (jsonFile === '-') {
    process.stderr.write(table)
    process.stdout.write(toJson(report, judgements))
  } else {
    process.stdout.write(table)
    if (jsonFile !== undefined) await write(jsonFile, toJson(report, judgements))
  }
  if (htmlFile !== undefined) {
    const { renderHtml } = await import('../load/html-report.ts')
    await write(htmlFile, renderHtml(report, judgements))
  }
  const missed = judgements.filter(({ isKept }) => !isKept)
  if (missed.length === 0) return EXIT.ok
  process.stderr.write(`lethe load: missed: ${missed.map(({ threshold }) => threshold.text).join(', ')}\n`)
  return EXIT.failed
}

function toJson(report: Report, judgements: readonly Judgement[]): string {
  const slo = judgements.map(({ threshold, isKept, measured }) => ({ threshold: threshold.text, isKept, measured }))
  return `${JSON.stringify({ ...report, slo }, undefined, 2)}\n`
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text)
  } catch (error) {
    throw new Failure(EXIT.failed, `${file} cannot be written: ${fileProblem(error)}`)
  }
}

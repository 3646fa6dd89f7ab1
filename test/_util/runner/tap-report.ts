/** What tap counted in the end, in assertions. */
export interface TapTotals {
  passed: number
  failed: number
  /** Skipped or to do. */
  skipped: number
  /** Tests in which nothing was asserted; tap has them among the passed, here they are not. */
  empty: number
}

const FILE_RESULT = /^(not )?ok \d+ - (.*?)(?: # (?:time=([\d.]+)ms|(.*)))?$/
const SUBTEST = /^( *)# Subtest: /
const TOTALS = /^# \{ (total: \d+.*) \}$/
const EMPTY_TEST = /^ {4,}1\.\.0$/
const UNIMPORTANT = /^ *(ok \d+(?!.* # (SKIP|TODO))|\d+\.\.\d+( |$)|# time=|# No coverage|TAP version|$)/

/**
 * Turns tap's own output into one line for each file and, under the files that failed, their failures with diagnostics
 * and whatever else they printed.
 */
export class TapReport {
  readonly #write: (line: string) => void
  #rest = ''
  #block: string[] = []
  #inDiagnostics = false
  #empty = 0
  #totals: TapTotals | undefined

  /** `write` gets whole lines without a newline. */
  constructor(write: (line: string) => void) {
    this.#write = write
  }

  /** Takes the next piece of tap's output. */
  push(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
  }

  /** Shows what is left and gives tap's totals; undefined when tap ended without any. */
  end(): TapTotals | undefined {
    if (this.#rest) this.#line(this.#rest)
    this.#rest = ''
    this.#showBlock()
    return this.#totals
  }

  #line(line: string): void {
    const result = FILE_RESULT.exec(line)
    const totals = TOTALS.exec(line)?.[1]
    if (totals) this.#totals = parseTotals(totals, this.#empty)
    else if (result) this.#fileResult(result)
    else if (this.#inDiagnostics) this.#diagnostics(line)
    else {
      if (EMPTY_TEST.test(line)) this.#empty++
      this.#block.push(line)
    }
  }

  #fileResult([, failed, name, timeMs, directive]: RegExpExecArray): void {
    const seconds = timeMs ? ` (${(Number(timeMs) / 1000).toFixed(1)} s)` : ''
    const word = failed ? 'FAILED ' : directive ? 'SKIPPED' : 'passed '
    this.#write(`${word} ${name}${seconds}${directive ? `: ${directive}` : ''}`)
    this.#showBlock()
    this.#inDiagnostics = failed !== undefined
  }

  /** What tap says of a failed file itself: its exit code, a timeout. */
  #diagnostics(line: string): void {
    if (line.startsWith('  ')) this.#write(line)
    if (!line.startsWith('  ') || line === '  ...') this.#inDiagnostics = false
  }

  /** What is worth reading of the lines since the last file, each under the titles of the tests it is in. */
  #showBlock(): void {
    let titles: { indent: number; line: string }[] = []
    for (const line of this.#block.splice(0)) {
      const indent = SUBTEST.exec(line)?.[1]?.length
      if (indent !== undefined) {
        titles = titles.filter((title) => title.indent < indent)
        if (indent > 0) titles.push({ indent, line }) // at 0 it is the file, which has its own line
        continue
      }
      const empty = EMPTY_TEST.test(line)
      if (UNIMPORTANT.test(line) && !empty) continue
      for (const title of titles.splice(0)) this.#write(title.line)
      this.#write(empty ? line.replace('1..0', 'nothing is asserted here') : line)
    }
  }
}

function parseTotals(text: string, empty: number): TapTotals {
  const count = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(text)?.[1] ?? 0)
  return { passed: count('pass') - empty, failed: count('fail'), skipped: count('skip') + count('todo'), empty }
}

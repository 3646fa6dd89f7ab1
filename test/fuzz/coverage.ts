import { Session } from 'node:inspector'

interface Range {
  startOffset: number
  endOffset: number
  count: number
}

interface ScriptCoverage {
  url: string
  functions: { ranges: Range[] }[]
}

interface Answers {
  'Profiler.enable': undefined
  'Profiler.startPreciseCoverage': undefined
  'Profiler.takePreciseCoverage': { result: ScriptCoverage[] }
}

/** Which characters of the product's own code have ever run, as V8 counts them. */
export class Coverage {
  readonly #session = new Session()
  readonly #places: readonly string[]
  /** Of each script, 1 for every character that has run. */
  readonly #seen = new Map<string, Uint8Array>()

  /** @param places how the URLs of the scripts begin that count; they must be loaded after this */
  constructor(places: readonly URL[]) {
    this.#places = places.map(({ href }) => href)
    this.#session.connect()
    this.#ask('Profiler.enable')
    this.#ask('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Runs something. @returns whether code ran that had never run before; it has from now on, unless `isTrial` */
  grows(run: () => void, { isTrial = false } = {}): boolean {
    this.#ask('Profiler.takePreciseCoverage') // sets all counts to zero
    run()
    const { result } = this.#ask('Profiler.takePreciseCoverage')
    let isNew = false
    for (const { url, functions } of result) {
      if (!this.#places.some((place) => url.startsWith(place))) continue
      for (const { ranges } of functions) if (this.#take(url, ranges, isTrial)) isNew = true
    }
    return isNew
  }

  /** Takes everything for new again. */
  forget(): void {
    this.#seen.clear()
  }

  /** How many characters of code have run. */
  get covered(): number {
    let sum = 0
    for (const characters of this.#seen.values()) for (const one of characters) sum += one
    return sum
  }

  stop(): void {
    this.#session.disconnect()
  }

  /** Ranges of a function lie within each other: the innermost tells whether a character ran. */
  #take(url: string, ranges: readonly Range[], isTrial: boolean): boolean {
    const [outer] = ranges
    if (outer === undefined || outer.count === 0) return false
    const ran = new Uint8Array(outer.endOffset - outer.startOffset)
    for (const { startOffset, endOffset, count } of ranges) {
      ran.fill(count > 0 ? 1 : 0, startOffset - outer.startOffset, endOffset - outer.startOffset)
    }
    const seen = this.#seenOf(url, outer.endOffset)
    let isNew = false
    for (const [at, one] of ran.entries()) {
      if (one === 0 || seen[outer.startOffset + at] === 1) continue
      isNew = true
      if (isTrial) return true
      seen[outer.startOffset + at] = 1
    }
    return isNew
  }

  #seenOf(url: string, length: number): Uint8Array {
    const seen = this.#seen.get(url)
    if (seen !== undefined && seen.length >= length) return seen
    const longer = new Uint8Array(length)
    if (seen) longer.set(seen)
    this.#seen.set(url, longer)
    return longer
  }

  #ask<K extends keyof Answers>(method: K, parameters: object = {}): Answers[K] {
    let answer: Answers[K] | undefined
    this.#session.post(method, parameters, (error: Error | null, result: unknown) => {
      if (error) throw error
      answer = result as Answers[K]
    })
    return answer as Answers[K] // the session is of this thread: it has answered
  }
}

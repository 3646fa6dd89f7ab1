import { NOT_HELD, type NotHeld } from './not-held.ts'
import { wrap } from './plain-text.ts'

/** The answer to a question that no relay can answer. What was asked for is named by its kind, never repeated. */
export interface Refusal {
  readonly document: 'lethe disclosure: nothing to look up'
  readonly version: 1
  readonly asked: readonly {
    /** The option that asked. */
    readonly option: string
    readonly category: string
    readonly what: string
    readonly reason: string
  }[]
  /** What can be looked up in its place. */
  readonly instead: string
}

const INSTEAD =
  'What can be looked up is how many sealed envelopes wait for one mailbox address, of which size, and in which window ' +
  'of time each expires: lethe disclose --address ADDRESS.'

/** @param options names of options out of NOT_HELD, without hyphens */
export function createRefusal(options: readonly string[]): Refusal {
  return {
    document: 'lethe disclosure: nothing to look up',
    version: 1,
    asked: options.map((option) => {
      const { category, what, reason } = NOT_HELD.find((row) => row.options.includes(option)) as NotHeld
      return { option: `--${option}`, category, what, reason }
    }),
    instead: INSTEAD,
  }
}

/** The same in plain words. */
export function refusalText({ asked, instead }: Refusal): string {
  const reasons = asked.map(({ option, what, reason }) =>
    wrap(`${option}: this relay does not hold ${what}, so there is nothing to look up. ${reason}`),
  )
  return `${[...reasons, wrap(instead)].join('\n\n')}\n`
}

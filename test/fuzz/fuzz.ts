import fc from 'fast-check'
import type { Coverage } from './coverage.ts'
import { inputsFrom } from './inputs.ts'

/** A parser as the fuzzer sees it. */
export interface Parser {
  readonly name: string
  /** Inputs to begin with. */
  readonly seeds: readonly Uint8Array[]
  /** Parses; may throw only what `isRefusal` takes for a refusal, and checks what it has parsed. */
  parse(bytes: Uint8Array): void
  isRefusal(error: unknown): boolean
}

export interface Budget {
  readonly inputs: number
  readonly milliseconds: number
}

export interface Fuzzed {
  readonly inputs: number
  /** Inputs by which coverage grew, those of the corpus that was given first. */
  readonly corpus: readonly Uint8Array[]
  /** An input that the parser did neither take nor refuse, and what happened. */
  readonly failure: { readonly input: Uint8Array; readonly error: unknown } | undefined
}

const BATCH = 1_000

/** Runs an input. @returns what went wrong */
function failureOf(parser: Parser, input: Uint8Array): Fuzzed['failure'] {
  const copy = Uint8Array.from(input)
  try {
    parser.parse(copy)
  } catch (error) {
    if (!parser.isRefusal(error)) return { input, error }
  }
  return undefined
}

/**
 * Feeds a parser with inputs until the budget is used up or one of them fails. Inputs by which V8's coverage grows are
 * kept, and further ones are made from them.
 * @param kept the corpus so far
 */
export function fuzz(parser: Parser, kept: readonly Uint8Array[], coverage: Coverage, budget: Budget): Fuzzed {
  const corpus: Uint8Array[] = []
  let failure: Fuzzed['failure']
  const tryOne = (input: Uint8Array) => {
    failure ??= failureOf(parser, input)
  }
  // Whole batches are tried at once, since asking for coverage is slow; in one that is worth it, halves are.
  const keepFrom = (inputs: readonly Uint8Array[]): boolean => {
    const isNew = coverage.grows(() => inputs.forEach(tryOne), { isTrial: inputs.length > 1 })
    if (!isNew || failure) return false
    if (inputs.length === 1) corpus.push(inputs[0] as Uint8Array)
    else {
      const half = inputs.length >> 1
      keepFrom(inputs.slice(0, half))
      keepFrom(inputs.slice(half))
    }
    return true
  }
  coverage.forget()
  for (const input of [...kept, ...parser.seeds]) keepFrom([input])
  const endMs = performance.now() + budget.milliseconds
  let inputs = 0
  while (!failure && inputs < budget.inputs && performance.now() < endMs) {
    const batch = fc.sample(inputsFrom(corpus), Math.min(BATCH, budget.inputs - inputs))
    inputs += batch.length
    // What ran in a batch and for none of its inputs alone is taken as seen, or it would be looked for in every batch.
    if (keepFrom(batch)) coverage.grows(() => batch.forEach(tryOne))
  }
  return { inputs, corpus, failure }
}

import { test } from '../_util/tap.ts'
import { readCorpus } from './corpus.ts'
import { Coverage } from './coverage.ts'
import { fuzz, type Parser } from './fuzz.ts'

/** For all parsers together. */
const ALL_MS = 15_000

const coverage = new Coverage([new URL('../../src/', import.meta.url), new URL('planted.js', import.meta.url)])
// Loaded only now, so that all that they do is counted.
const { PARSERS } = await import('./parsers.ts')
const { parsePlanted } = await import('./planted.ts')

test('every parser takes or refuses whatever comes', async (t) => {
  for (const parser of PARSERS) {
    const budget = { inputs: Number.POSITIVE_INFINITY, milliseconds: ALL_MS / PARSERS.length }
    const { inputs, failure } = fuzz(parser, readCorpus(parser.name), coverage, budget)
    const seen = failure && `${Buffer.from(failure.input).toString('base64url')}: ${failure.error}`
    t.equal(seen, undefined, `${parser.name}: ${inputs} inputs`)
    t.ok(inputs > 0, parser.name)
  }
})

test('the prototype of objects is what it was', async (t) => {
  t.same(Object.keys(Object.prototype), [])
  t.equal(({} as { rate?: unknown }).rate, undefined)
})

const planted: Parser = {
  name: 'planted',
  seeds: [new Uint8Array(8)],
  parse: parsePlanted,
  isRefusal: (error) => error instanceof RangeError,
}

test('a fault behind two bytes is found by inputs that were kept', async (t) => {
  const { corpus, failure, inputs } = fuzz(planted, [], coverage, {
    inputs: 2_000_000,
    milliseconds: Number.POSITIVE_INFINITY,
  })
  t.match(failure?.error, { message: 'the planted fault' }, `after ${inputs} inputs`)
  t.ok(corpus.length >= 2, 'each byte was a step')
})

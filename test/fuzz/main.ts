import { parseArgs } from 'node:util'
import { readCorpus, writeCorpus } from './corpus.ts'
import { Coverage } from './coverage.ts'
import { fuzz, type Parser } from './fuzz.ts'

/**
 * `npm run test:fuzz`: a million inputs for every parser, or for those that are named; with `--write` the inputs by which
 * coverage grew are kept in test/fuzz/corpus. `--seconds` is how long all of them together may take, `--planted` takes one
 * with a fault instead. Ends with 1 if a parser neither takes nor refuses an input.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: 'Infinity' },
    write: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
  },
})
// Beside the product's own code that of `ws` which reads frames, as one parser is compared with it.
const COUNTED = ['../../src/', 'planted.js', '../../../node_modules/ws/lib/receiver.js']
const coverage = new Coverage(COUNTED.map((place) => new URL(place, import.meta.url)))
// Loaded only now, so that all that they do is counted.
const { PARSERS } = await import('./parsers.ts')
const { PLANTED } = await import('./planted.ts')

const all: readonly Parser[] = values.planted ? [PLANTED] : PARSERS
const chosen = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const budget = { inputs: Number(values.inputs), milliseconds: (Number(values.seconds) * 1_000) / chosen.length }
for (const parser of chosen) {
  const startMs = performance.now()
  const { inputs, corpus, failure } = fuzz(parser, readCorpus(parser.name), coverage, budget)
  const seconds = Math.round((performance.now() - startMs) / 1_000)
  process.stdout.write(
    `${parser.name}: ${inputs} inputs, ${corpus.length} kept, ${coverage.covered} characters of code ran, ${seconds} s\n`,
  )
  if (failure) {
    process.stdout.write(`FAILED ${Buffer.from(failure.input).toString('base64url')}: ${failure.error}\n`)
    process.exitCode = 1
  }
  if (values.write) writeCorpus(parser.name, corpus)
}
if (Object.keys(Object.prototype).length > 0) {
  process.stdout.write('FAILED the prototype of objects was changed\n')
  process.exitCode = 1
}
coverage.stop()

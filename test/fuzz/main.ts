import { parseArgs } from 'node:util'
import { readCorpus, writeCorpus } from './corpus.ts'
import { Coverage } from './coverage.ts'
import { fuzz } from './fuzz.ts'

/**
 * `npm run test:fuzz`: a million inputs for every parser, or for those that are named; with `--write` the inputs by which
 * coverage grew are kept in test/fuzz/corpus. Ends with 1 if a parser neither takes nor refuses one.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { inputs: { type: 'string', default: '1000000' }, write: { type: 'boolean', default: false } },
})
const coverage = new Coverage([new URL('../../src/', import.meta.url)])
const { PARSERS } = await import('./parsers.ts')
for (const parser of PARSERS) {
  if (positionals.length > 0 && !positionals.includes(parser.name)) continue
  const startMs = performance.now()
  const budget = { inputs: Number(values.inputs), milliseconds: Number.POSITIVE_INFINITY }
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
coverage.stop()

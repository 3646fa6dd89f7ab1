import { readFileSync } from 'node:fs'
import { CLOSE } from '../../src/protocol/errors.ts'
import { METRICS } from '../../src/telemetry/metrics.ts'
import { BUILD, type MetricRow, metricRows } from '../../src/telemetry/metrics-table.ts'
import { test } from '../_util/tap.ts'
import { startMetrics } from './metrics-bench.ts'

const document = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')

/** The values of each label of the samples of a metric on the page. */
function labelsOnPage(samples: Map<string, number>, { name, type }: MetricRow): Record<string, string[]> {
  const form = new RegExp(`^${name}${type === 'histogram' ? '(?:_bucket|_sum|_count)' : ''}(?:\\{(.*)\\})?$`)
  const labels: Record<string, Set<string>> = {}
  for (const sample of samples.keys()) {
    for (const [, label = '', value = ''] of (form.exec(sample)?.[1] ?? '').matchAll(/(\w+)="([^"]*)"/g)) {
      labels[label] = (labels[label] ?? new Set()).add(value)
    }
  }
  return Object.fromEntries(Object.entries(labels).map(([label, values]) => [label, [...values]]))
}

function documentRow({ name, type, labels, bounds, unit, grain, help }: MetricRow): string {
  const listed = Object.entries(labels).map(
    ([label, values]) => `\`${label}\`: ${values === BUILD ? BUILD : values.join(', ')}`,
  )
  if (bounds) listed.push(`\`le\`: ${bounds.join(', ')}`)
  const factor = grain === 0 ? 'as it is' : grain < 1 ? `1/${1 / grain}` : String(grain)
  const step = bounds && grain !== 1 ? `1; sum: ${factor}` : factor
  return `| \`${name}\` | ${type} | ${listed.join('; ')} | ${unit} | ${step} | ${help} |`
}

test('the page has every metric of the table and nothing else, from the first scrape on', async (t) => {
  const bench = startMetrics(t, { isExact: true })
  const text = await bench.text()
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type])
  const helps = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => [name, help])
  t.strictSame(
    types,
    metricRows.map(([, { name, type }]) => [name, type]),
  )
  t.strictSame(
    helps,
    metricRows.map(([, { name, help }]) => [name, help]),
  )
  const samples = await bench.samples()
  for (const [, row] of metricRows) {
    const expected: Record<string, string[]> = {}
    for (const [label, values] of Object.entries(row.labels)) {
      if (values === BUILD) expected[label] = [label === 'version' ? '1.2.3' : 'abc']
      else expected[label] = label === 'size' ? values.slice(0, 2) : [...values]
    }
    if (row.bounds) expected.le = [...row.bounds.map(String), '+Inf']
    t.strictSame(labelsOnPage(samples, row), expected, row.name)
  }
  t.equal(samples.get('lethe_build_info{version="1.2.3",commit="abc"}'), 1)
  t.ok([...samples.values()].every(Number.isFinite), 'every value is a number')
})

test('the table is sound', async (t) => {
  for (const [, { name, type, bounds = [], grain, unit, labels }] of metricRows) {
    t.match(name, /^(lethe|process|nodejs)_[a-z_]+$/, name)
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: counters alone end in _total`)
    t.equal(bounds.length > 0, type === 'histogram', `${name}: histograms alone have bounds`)
    t.strictSame(
      [...bounds],
      [...new Set(bounds)].sort((a, b) => a - b),
      `${name}: bounds ascend`,
    )
    t.ok(grain >= 0 && (grain === 0 || Number.isInteger(Math.log2(grain))), `${name}: multiples of its grain are exact`)
    if (unit === 'seconds' || unit === 'bytes') t.match(name, new RegExp(`_${unit}(_total)?$`), `${name}: its unit`)
    for (const values of Object.values(labels).filter(Array.isArray)) {
      t.equal(new Set(values).size, values.length, `${name}: values differ`)
    }
  }
  t.equal(new Set(metricRows.map(([, { name }]) => name)).size, metricRows.length)
})

test('what users move is stepped, all of it', async (t) => {
  const asItIs = metricRows.filter(([, { grain }]) => grain === 0).map(([key]) => key)
  t.strictSame(asItIs, [
    'connectionsLimit',
    'storeUp',
    'ready',
    'unsafeSettings',
    'storeReplaced',
    'storeMemoryLimit',
    'processStart',
    'heapLimit',
    'certificateExpiry',
    'build',
    'step',
    'interval',
  ])
})

test('every close code of the protocol is counted by itself', async (t) => {
  const codes: readonly string[] = METRICS.socketCloses.labels.code
  for (const code of Object.values(CLOSE)) t.ok(codes.includes(String(code)), String(code))
})

test('docs/metrics.md has one row for each metric, as the table has it', async (t) => {
  t.strictSame(
    document.split('\n').filter((line) => /^\| `[a-z]/.test(line)),
    metricRows.map(([, row]) => documentRow(row)),
  )
})

test('docs/metrics.md names no metric that there is not', async (t) => {
  const names = metricRows.map(([, { name }]) => name as string)
  const named = document.match(/\b(lethe|process|nodejs)_[a-z_]+/g) ?? []
  t.strictSame(
    named.filter((name) => !names.includes(name)),
    [],
  )
})

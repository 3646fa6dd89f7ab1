import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { metricRows } from '../../src/telemetry/metrics-table.ts'
import { HOW_TO_INSTALL_PROMTOOL } from '../_util/runner/promtool.ts'
import { type Test, test } from '../_util/tap.ts'
import { shippedAlerts, shippedExpressions, shippedRules } from './expressions.ts'

const FOLDER = 'ops/prometheus'
const unitTests = readFileSync(`${FOLDER}/tests/alerts.yml`, 'utf8')
const runbook = readFileSync('ops/runbook.md', 'utf8')

function files(folder: string): string[] {
  return readdirSync(`${FOLDER}/${folder}`).map((name) => `${FOLDER}/${folder}/${name}`)
}

function promtool(t: Test, ...args: string[]): void {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  t.equal(status, 0, error ? HOW_TO_INSTALL_PROMTOOL : stdout + stderr)
}

test('[D.5] promtool finds nothing wrong with configuration and rules, and their unit tests pass', async (t) => {
  promtool(t, 'check', 'config', `${FOLDER}/prometheus.yml`)
  promtool(t, 'check', 'rules', '--lint=all', '--lint-fatal', ...files('rules'))
  promtool(t, 'test', 'rules', ...files('tests'))
})

test('[D.5] a unit test has every alert fire, and none may be missing', async (t) => {
  for (const { alert } of shippedAlerts()) {
    const fires = new RegExp(`- labels: 'ALERTS\\{alertname="${alert}", alertstate="firing"`)
    t.match(unitTests, fires, alert)
  }
})

test('[D.5] every alert says what is the matter, how bad it is, and where the runbook says what to do', async (t) => {
  const headings = [...runbook.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
  const anchors = headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
  for (const { alert, annotations = {}, labels = {} } of shippedAlerts()) {
    t.match(annotations, { summary: /^[A-Z].{10,80}\.$/, description: /\.$/ }, alert)
    t.match(labels.severity, /^(critical|warning)$/, alert)
    const [document, anchor] = (annotations.runbook_url ?? '').split('#')
    t.equal(document, 'ops/runbook.md', alert)
    t.ok(anchors.includes(anchor ?? ''), `${alert}: the runbook has a section #${anchor}`)
  }
})

test('[D.5] the runbook has no section for an alert that there is not', async (t) => {
  const names = shippedAlerts().map(({ alert }) => alert)
  const sections = [...runbook.matchAll(/^### (Lethe\w+)$/gm)].map(([, name = '']) => name)
  t.same(sections.toSorted(), names.toSorted())
})

test('[D.5] queries name metrics and recorded figures that there are, and none makes up a value', async (t) => {
  const recorded = shippedRules().flatMap(({ record }) => record ?? [])
  const names = metricRows.flatMap(([, { name, type }]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
  )
  const known = new Set([...names, ...recorded, 'up'])
  for (const [place, expression] of shippedExpressions()) {
    const named = expression.match(/\b(?:\w+:\w+:\w+|(?:lethe|process|nodejs)_\w+)\b/g) ?? []
    for (const name of named) t.ok(known.has(name), `${place}: ${name}`)
    t.notMatch(expression, /\bor\b|\bvector\(/, place)
  }
})

test('[D.5] dashboard and rules leave out no metric', async (t) => {
  const all = [...shippedExpressions().values()].join('\n')
  const unused = metricRows.map(([, { name }]) => name).filter((name) => !all.includes(name))
  t.same(unused, [])
})

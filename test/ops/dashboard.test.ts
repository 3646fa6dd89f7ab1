import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { test } from '../_util/tap.ts'
import { dashboard, panels } from './expressions.ts'

const WIDTH = 24
/** The variable that holds which data source was chosen. */
const CHOSEN = ['$', '{datasource}'].join('')
/** Of the kinds of panels and units that Grafana brings with it, those that are used: anything else would be a slip of the pen. */
const KINDS = ['row', 'stat', 'timeseries', 'bargauge', 'table']
const UNITS = ['none', 'short', 'cps', 's', 'dtdurations', 'bytes', 'percentunit']
const QUESTIONS = ['Is it up?', 'Is it keeping up?', 'Is anything piling up?', 'What is the next limit?']

test('[D.5] the dashboard answers its four questions in this order, from the top', async (t) => {
  const rows = dashboard().panels.filter(({ type }) => type === 'row')
  const top = rows.toSorted((a, b) => a.gridPos.y - b.gridPos.y).map(({ title }) => title)
  t.same(top.slice(0, QUESTIONS.length), QUESTIONS)
  const ofRow = rows.map(({ gridPos: { y } }, i) =>
    panels().filter(
      (panel) => panel.gridPos.y > y && panel.gridPos.y < (rows[i + 1]?.gridPos.y ?? Number.POSITIVE_INFINITY),
    ),
  )
  for (const [i, inRow] of ofRow.entries()) t.ok(inRow.length >= 3, `row ${i + 1}`)
})

test('[D.5] every panel says what it shows and in which unit, from the data source that is chosen', async (t) => {
  const { list } = dashboard().templating
  t.match(list[0], { name: 'datasource', type: 'datasource' })
  t.ok(list.slice(1).every(({ datasource }) => datasource?.uid === CHOSEN))
  t.ok(panels().length > 20)
  for (const { title, description, fieldConfig, datasource, targets = [] } of panels()) {
    t.ok(title && description?.endsWith('.'), title)
    t.ok(fieldConfig?.defaults.unit, `${title}: unit`)
    t.ok(targets.length > 0, title)
    for (const source of [datasource, ...targets.map((target) => target.datasource)]) t.equal(source?.uid, CHOSEN)
  }
})

test('[D.5] what has a limit shows it: every panel of the first row and of the last question has thresholds', async (t) => {
  const judged = panels().filter(({ type }) => type === 'stat' || type === 'bargauge')
  t.ok(judged.length >= 8)
  for (const { title, fieldConfig } of judged) t.ok(fieldConfig?.defaults.thresholds, title)
})

test('[D.5] Grafana has every kind of panel and every unit', async (t) => {
  for (const { title, type } of dashboard().panels) t.ok(KINDS.includes(type), title)
  for (const { title, fieldConfig } of panels()) t.ok(UNITS.includes(fieldConfig?.defaults.unit ?? ''), title)
})

test('[D.5] a table has a line for each relay: all that it joins is told by relay', async (t) => {
  const tables = panels().filter(({ type }) => type === 'table')
  t.ok(tables.length > 0)
  for (const { title, targets = [] } of tables) for (const { expr } of targets) t.match(expr, / by \(instance\b/, title)
})

test('[D.5] panels lie side by side: none covers another, none is outside, ids differ', async (t) => {
  const all = dashboard().panels
  t.equal(new Set(all.map(({ id }) => id)).size, all.length)
  const cells = new Set<string>()
  for (const { title, gridPos } of all) {
    t.ok(gridPos.x + gridPos.w <= WIDTH, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (cells.has(`${x} ${y}`)) t.fail(`${title} covers another panel at ${x}, ${y}`)
        cells.add(`${x} ${y}`)
      }
    }
  }
})

test('[D.5] Grafana finds data source and dashboard by files', async (t) => {
  const folder = 'ops/grafana/provisioning'
  for (const kind of ['datasources', 'dashboards']) {
    for (const name of readdirSync(`${folder}/${kind}`)) {
      t.equal(parse(readFileSync(`${folder}/${kind}/${name}`, 'utf8')).apiVersion, 1, name)
    }
  }
})

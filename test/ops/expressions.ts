import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'

const RULES = new URL('../../../ops/prometheus/rules/', import.meta.url)
const DASHBOARD = new URL('../../../ops/grafana/lethe.json', import.meta.url)

/** A rule as it is shipped. */
export interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** What of a panel is looked at here. */
export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly uid: string }
  readonly fieldConfig?: { readonly defaults: { readonly unit: string; readonly thresholds?: object } }
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[]
  readonly panels?: readonly Panel[]
}

/** Every rule of ops/prometheus/rules. */
export function shippedRules(): Rule[] {
  const files = readdirSync(RULES).map((name) => parse(readFileSync(new URL(name, RULES), 'utf8')))
  return files.flatMap(({ groups }: { groups: { rules: Rule[] }[] }) => groups.flatMap(({ rules }) => rules))
}

export function shippedAlerts(): (Rule & { readonly alert: string })[] {
  return shippedRules().filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined)
}

export function dashboard() {
  return JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    panels: Panel[]
    templating: { list: { name: string; type: string; datasource?: { uid: string } }[] }
  }
}

/** Every panel that shows something. */
export function panels(): Panel[] {
  return dashboard().panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]))
}

/** What an alert looks at, without the comparison that decides whether it fires. */
export function withoutComparison(expression: string): string {
  const bare = /^absent\((.*)\)$/.exec(expression)?.[1] ?? expression.replace(/ (?:==|!=|>=|<=|>|<) [\d.]+$/, '')
  if (bare === expression) throw new Error(`no comparison with a number at its end: ${expression}`)
  return bare
}

/** Every expression that is shipped, by where it is used, with the dashboard's variables as they are at first. */
export function shippedExpressions(): Map<string, string> {
  const found = new Map<string, string>()
  for (const { record, alert, expr } of shippedRules()) {
    if (record !== undefined) found.set(record, expr)
    if (alert !== undefined) found.set(alert, withoutComparison(expr))
  }
  for (const { title, targets = [] } of panels()) {
    for (const [i, { expr }] of targets.entries()) {
      found.set(`${title}, query ${i + 1}`, expr.replaceAll('$job', 'lethe').replaceAll('$instance', '.*'))
    }
  }
  return found
}

/**
 * Writes deploy/kubernetes/base/prometheus-rule.yaml: the rules of ops/prometheus/rules for the Prometheus operator, which
 * takes no files.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'

const project = new URL('../../', import.meta.url)
const rules = new URL('ops/prometheus/rules/', project)
const HEADER = '# Made of ops/prometheus/rules by `node ops/build/prometheus-rule.mjs`.\n'

/** @returns {string} the manifest */
export function manifest() {
  const groups = readdirSync(rules)
    .sort()
    .flatMap((name) => parse(readFileSync(new URL(name, rules), 'utf8')).groups)
  const metadata = { name: 'lethe', labels: { 'app.kubernetes.io/name': 'lethe' } }
  const rule = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata, spec: { groups } }
  return HEADER + stringify(rule, { lineWidth: 120 })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('deploy/kubernetes/base/prometheus-rule.yaml', project), manifest())
}

import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { killOnExit, terminate } from '../_util/child-process.ts'
import { findFreePort } from '../_util/ports.ts'
import { HOW_TO_INSTALL_PROMTOOL } from '../_util/runner/promtool.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const SHIPPED = new URL('../../../ops/prometheus/', import.meta.url)
const STOP_GRACE_MS = 10_000

/** One series of an answer, and its value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A Prometheus of its own with the shipped configuration and rules, but quick: it asks and judges every second. */
export interface Prometheus {
  /** Answers a query as of now. Rejects where Prometheus finds it wrong. */
  query(expression: string): Promise<Sample[]>
  /** Names of the alerts that fire now. */
  firing(): Promise<string[]>
  /** Whom it asks from now on: `host:port` of admin listeners. */
  setTargets(targets: readonly string[]): Promise<void>
}

interface RuleFile {
  groups: { rules: { for?: string }[] }[]
}

/** Rules as they are shipped, but that an alert fires after a second in place of minutes or hours. */
async function writeQuickRules(folder: string): Promise<void> {
  for (const name of await readdir(new URL('rules/', SHIPPED))) {
    const file = parse(await readFile(new URL(`rules/${name}`, SHIPPED), 'utf8')) as RuleFile
    for (const rule of file.groups.flatMap(({ rules }) => rules)) if (rule.for !== undefined) rule.for = '1s'
    await writeFile(join(folder, name), stringify(file))
  }
}

async function writeQuickConfiguration(file: string, targetsFile: string): Promise<void> {
  const shipped = parse(await readFile(new URL('prometheus.yml', SHIPPED), 'utf8'))
  const [job] = shipped.scrape_configs
  delete job.static_configs
  const quick = {
    ...shipped,
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    scrape_configs: [{ ...job, file_sd_configs: [{ files: [targetsFile], refresh_interval: '1s' }] }],
  }
  await writeFile(file, stringify(quick))
}

/** Starts one; it ends with the test. */
export async function startPrometheus(t: Test, targets: readonly string[]): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-prometheus-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'rules'))
  const targetsFile = join(folder, 'targets.json')
  const setTargets = async (next: readonly string[]) => {
    await writeFile(`${targetsFile}.part`, JSON.stringify(next.length > 0 ? [{ targets: next }] : []))
    await rename(`${targetsFile}.part`, targetsFile)
  }
  await setTargets(targets)
  await writeQuickRules(join(folder, 'rules'))
  await writeQuickConfiguration(join(folder, 'prometheus.yml'), targetsFile)
  const url = await launch(t, folder)
  const ask = async (path: string) => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as {
      status: string
      error?: string
      data: unknown
    }
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }
  return {
    setTargets,
    async query(expression) {
      const { result } = (await ask(`query?query=${encodeURIComponent(expression)}`)) as {
        result: { metric: Record<string, string>; value: [number, string] }[]
      }
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    },
    async firing() {
      const { alerts } = (await ask('alerts')) as { alerts: { state: string; labels: { alertname: string } }[] }
      return [...new Set(alerts.flatMap(({ state, labels }) => (state === 'firing' ? [labels.alertname] : [])))].sort()
    },
  }
}

async function launch(t: Test, folder: string): Promise<string> {
  const port = await findFreePort()
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ]
  const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  killOnExit(child)
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints += chunk
  })
  const failed = new Promise<never>((_, reject) => {
    child.once('error', () => reject(new Error(HOW_TO_INSTALL_PROMTOOL)))
    child.once('exit', () => reject(new Error(`prometheus ended:\n${complaints}`)))
  })
  failed.catch(() => {})
  t.teardown(() => terminate(child, STOP_GRACE_MS))
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    eventually(async () => (await fetch(`${url}/-/ready`)).ok, { timeoutMs: 30_000, intervalMs: 100 })
  await Promise.race([isReady(), failed])
  return url
}

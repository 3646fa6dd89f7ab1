import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { configSchema } from '../../src/config/schema.ts'
import { test } from '../_util/tap.ts'
import { project, runCompiler, runProgram } from './program.ts'

const require = createRequire(import.meta.url)
const FOLDER = join(project, 'deploy/kubernetes')
const KUSTOMIZATIONS = ['base', ...readdirSync(join(FOLDER, 'overlays')).map((name) => `overlays/${name}`)]

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
}

/** Everything that one kustomization comes to. */
function build(name: string): Manifest[] {
  const { code, stdout, text } = runProgram('kubectl', ['kustomize', join(FOLDER, name)])
  if (code !== 0) throw new Error(text)
  // As Kubernetes reads it: an octal number is one.
  return parseAllDocuments(stdout, { version: '1.1' }).map((document) => document.toJS() as Manifest)
}

function modelOf({ apiVersion, kind }: Manifest): { module: string; name: string } {
  const collection = apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models'
  return { module: `${collection}/${apiVersion}/${kind}`, name: kind }
}

function validate(manifest: Manifest): void {
  const { module, name } = modelOf(manifest)
  const Model = require(module)[name]
  new Model(manifest).validate()
}

const built = new Map(KUSTOMIZATIONS.map((name) => [name, build(name)]))
const everything = [...built.values()].flat()

for (const [name, manifests] of built) {
  test(`${name}: every manifest holds against its schema`, async (t) => {
    t.ok(manifests.length >= 9)
    for (const manifest of manifests)
      t.doesNotThrow(() => validate(manifest), `${manifest.kind} ${manifest.metadata.name}`)
  })
}

test('a manifest with a wrong type does not hold', async (t) => {
  const deployment = structuredClone(everything.find(({ kind }) => kind === 'Deployment')) as Manifest & {
    spec: unknown
  }
  deployment.spec = { ...(deployment.spec as object), replicas: 'two' }
  t.throws(() => validate(deployment))
})

/** Checks the manifests as values of their types, which finds fields that there are not. @returns tsc's words */
function checkFields(manifests: readonly Manifest[]): { code: number | null; text: string } {
  const folder = join(project, 'node_modules/.cache', `lethe-kubernetes-${process.pid}`)
  const lines = manifests.map((manifest, i) => {
    const { module, name } = modelOf(manifest)
    return `import type { I${name} as I${i} } from '${module}'\nexport const m${i} = ${JSON.stringify(manifest)} satisfies I${i}\n`
  })
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}')
    writeFileSync(join(folder, 'manifests.ts'), lines.join(''))
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node',
    ]
    return runCompiler([...options, 'manifests.ts'], folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('no manifest has a field that its kind does not know', async (t) => {
  const { code, text } = checkFields(everything)
  t.equal(code, 0, text)
  const misspelt = JSON.parse(
    JSON.stringify(everything).replaceAll('"readOnlyRootFilesystem"', '"readOnlyRootFileSystem"'),
  )
  t.match(checkFields(misspelt).text, 'readOnlyRootFileSystem')
})

interface Workload extends Manifest {
  spec: { template: { metadata: { labels: Record<string, string> }; spec: PodSpec } }
}

interface PodSpec {
  enableServiceLinks: boolean
  automountServiceAccountToken: boolean
  terminationGracePeriodSeconds: number
  securityContext: { runAsNonRoot: boolean; runAsUser: number; seccompProfile: { type: string } }
  containers: {
    env?: { name: string; value?: string }[]
    lifecycle?: { preStop: { exec: { command: string[] } } }
    securityContext: {
      allowPrivilegeEscalation: boolean
      readOnlyRootFilesystem: boolean
      capabilities: { drop: string[] }
    }
    resources: { limits: { memory: string } }
  }[]
}

const workloads = everything.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet') as Workload[]

test('every pod is restricted as the pod security standard of that name wants it, and gets no service links', async (t) => {
  t.equal(workloads.length, 4)
  for (const { metadata, spec } of workloads) {
    const pod = spec.template.spec
    t.equal(pod.enableServiceLinks, false, metadata.name)
    t.equal(pod.automountServiceAccountToken, false, metadata.name)
    t.match(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    t.ok(pod.securityContext.runAsUser > 0)
    for (const { securityContext, resources, env = [] } of pod.containers) {
      t.strictSame(securityContext, {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        readOnlyRootFilesystem: true,
      })
      t.ok(resources.limits.memory)
      for (const { name } of env) t.notMatch(name, /^LETHE_(STORE_SECRETS?(_READ)?|REDIS_URL)$/, 'secrets by reference')
    }
  }
})

test('a pod has the time that preStop and drain take together, and some to spare', async (t) => {
  const relays = workloads.filter(({ kind }) => kind === 'Deployment')
  t.equal(relays.length, 3)
  for (const { spec } of relays) {
    const { containers, terminationGracePeriodSeconds } = spec.template.spec
    const [sleep, seconds] = containers[0]?.lifecycle?.preStop.exec.command ?? []
    t.equal(sleep, 'sleep')
    t.ok(terminationGracePeriodSeconds >= Number(seconds) + Number(configSchema.drainSeconds.default) + 10)
  }
})

test('network policies let nothing through but what comes from ingress, Prometheus and relays, and goes to Redis', async (t) => {
  const policies = everything.filter(({ kind }) => kind === 'NetworkPolicy') as (Manifest & {
    spec: { policyTypes: string[]; ingress: { ports: { port: number }[] }[]; egress?: { ports: { port: number }[] }[] }
  })[]
  for (const { metadata, spec } of policies) {
    const ports = (rules: { ports: { port: number }[] }[] = []) =>
      rules.map((rule) => rule.ports.map(({ port }) => port))
    t.strictSame(spec.policyTypes, ['Ingress', 'Egress'])
    t.strictSame(ports(spec.ingress), metadata.name === 'redis' ? [[6379]] : [[8080], [9464]])
    t.strictSame(
      ports(spec.egress),
      metadata.name === 'redis'
        ? []
        : [
            [6379, 26379],
            [53, 53],
          ],
    )
  }
})

test('services, disruption budget, autoscaler and monitor find the pods that they are for', async (t) => {
  const labels = workloads.map(({ spec }) => spec.template.metadata.labels)
  const isFound = (selector: Record<string, string>) =>
    labels.some((one) => Object.entries(selector).every(([name, value]) => one[name] === value))
  for (const manifest of everything) {
    const { spec } = manifest as unknown as {
      spec?: { selector?: { matchLabels?: Record<string, string> } & Record<string, string> }
    }
    if (manifest.kind === 'Service') t.ok(isFound(spec?.selector ?? {}), manifest.metadata.name)
    if (manifest.kind === 'PodDisruptionBudget') t.ok(isFound(spec?.selector?.matchLabels ?? {}))
  }
  const kinds = (built.get('base') ?? []).map(({ kind }) => kind)
  for (const kind of ['PodDisruptionBudget', 'HorizontalPodAutoscaler', 'NetworkPolicy', 'ServiceMonitor']) {
    t.ok(kinds.includes(kind), kind)
  }
})

test('rules for the Prometheus operator are those of ops/prometheus, and pods have the job that they go by', async (t) => {
  const folder = join(project, 'ops/prometheus/rules')
  const files = readdirSync(folder).sort()
  const groups = files.flatMap((name) => parse(readFileSync(join(folder, name), 'utf8')).groups)
  const base = built.get('base') ?? []
  const rule = base.find(({ kind }) => kind === 'PrometheusRule') as unknown as { spec: { groups: unknown[] } }
  t.ok(groups.length >= 5)
  t.same(rule.spec.groups, groups, 'stale: node ops/build/prometheus-rule.mjs')
  const monitor = base.find(({ kind }) => kind === 'ServiceMonitor') as unknown as { spec: { jobLabel: string } }
  const service = base.find(({ metadata }) => metadata.name === 'relay-admin') as unknown as {
    metadata: { labels: Record<string, string> }
  }
  t.equal(service.metadata.labels[monitor.spec.jobLabel], 'lethe')
})

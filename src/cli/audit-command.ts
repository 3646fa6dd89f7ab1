import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { isLoopbackHost } from '../config/origins.ts'
import { AUDITED_SETTINGS, type AuditReport, audit } from '../disclosure/audit.ts'
import { breachesOf } from '../disclosure/audit-keys.ts'
import type { NodeFacts } from '../mailbox/store-facts.ts'
import { readVersion } from '../version.ts'
import { auditText } from './audit-text.ts'
import { defineCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { readProcessFacts } from './process-facts.ts'
import { readConfig } from './read-config.ts'

export const auditCommand = defineCommand({
  name: 'audit',
  summary: 'check what runs: Redis, its settings and keys, and this process',
  options: { json: { help: 'print one object: isClean, nodes, checks with what each found' } },
  about: `
Goes through docs/audit.md: the settings and logs of every Redis node, replicas included, the rights of the relay's user,
every key in it, and the settings of this process, which stands in for the relay. So run it in the relay's place: on its
machine or in its container, with the same LETHE_ variables. It changes nothing. What it cannot read counts as unsafe.

Ends with ${EXIT.ok} where nothing was found, with ${EXIT.failed} where something was, and with ${EXIT.relayUnavailable} where no Redis answers.`,
  async run({ flags }) {
    const config = readConfig()
    const report = await runAudit(config)
    process.stdout.write(flags.has('json') ? reportJson(report) : auditText(report))
    return report.isClean ? EXIT.ok : EXIT.failed
  },
})

/** Asks and judges. @throws Failure (69) where no node of the store answers */
export async function runAudit(config: Config): Promise<AuditReport> {
  const { store, publicOrigins } = config
  const nodes = await inspectNodes(config)
  if (nodes.length > 0 && nodes.every(({ silence }) => silence !== undefined)) {
    const isRefused = nodes.some(({ silence }) => silence === 'no-entry')
    const what = isRefused ? "refuses the relay's user or password" : 'does not answer'
    throw new Failure(EXIT.relayUnavailable, `the Redis of LETHE_REDIS_URL ${what}`)
  }
  return audit({
    nodes,
    storeHosts: store.kind === 'memory' ? [] : store.hosts.map(({ host }) => host),
    isStoreTls: store.kind !== 'memory' && store.tls,
    publicOrigins,
    process: await readProcessFacts(config),
    isLoopback: isLoopbackHost,
  })
}

async function inspectNodes(config: Config): Promise<NodeFacts[]> {
  const { store: target, redisCaFile } = config
  if (target.kind === 'memory') return []
  const { inspectStore } = await import('../store/redis/inspection.ts')
  return await inspectStore({
    target,
    ca: redisCaFile === undefined ? undefined : readFileSync(redisCaFile, 'utf8'),
    settings: AUDITED_SETTINGS,
    judgeKey: (key) => breachesOf(key, config),
  })
}

function reportJson(report: AuditReport): string {
  return `${JSON.stringify({ software: { name: 'lethe', ...readVersion() }, ...report }, null, 2)}\n`
}

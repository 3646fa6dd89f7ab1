import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { type Effort, ENVELOPE_BYTES } from './measure.ts'
import type { Sample } from './sample.ts'
import type { Crowded } from './scenarios/crowded.ts'
import type { Growth } from './scenarios/growth.ts'
import type { IdleMemory } from './scenarios/idle-memory.ts'
import type { Reconnect } from './scenarios/reconnect.ts'
import type { RedisMemory } from './scenarios/redis-memory.ts'

/** On what, with what, and how much of it. No dates and no names. */
export interface Provenance {
  readonly processor: string
  readonly processors: number
  readonly versions: Readonly<Record<string, string>>
  readonly envelopeBytes: number
  readonly effort: Effort
}

/** All that a run has measured, round by round. */
export interface Results {
  readonly provenance: Provenance
  readonly samples: Sample[]
  readonly idleMemory: IdleMemory[]
  readonly reconnects: Reconnect[]
  readonly redisMemory: RedisMemory[]
  readonly crowded: Crowded[]
  readonly growth: Growth[]
}

export function emptyResults(effort: Effort): Results {
  return {
    provenance: provenance(effort),
    samples: [],
    idleMemory: [],
    reconnects: [],
    redisMemory: [],
    crowded: [],
    growth: [],
  }
}

export function readResults(file: string): Results {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function provenance(effort: Effort): Provenance {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    versions: {
      node: process.versions.node,
      ws: packageVersion('ws'),
      fastify: packageVersion('fastify'),
      aedes: packageVersion('aedes'),
      'nats-server': programVersion('nats-server', '--version'),
      mosquitto: programVersion('mosquitto', '-h'),
      'redis-server': programVersion('redis-server', '--version'),
    },
    envelopeBytes: ENVELOPE_BYTES,
    effort,
  }
}

function packageVersion(name: string): string {
  return JSON.parse(readFileSync(new URL(`../../../node_modules/${name}/package.json`, import.meta.url), 'utf8'))
    .version
}

function programVersion(program: string, flag: string): string {
  try {
    return versionIn(execFileSync(program, [flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch (error) {
    // mosquitto prints its version and fails
    return error instanceof Error && 'stdout' in error ? versionIn(String(error.stdout)) : 'missing'
  }
}

function versionIn(text: string): string {
  return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? 'missing'
}

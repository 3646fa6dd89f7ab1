// Opens stores on a Redis Cluster, closes them at moments around the one at which each looks at the topology again, and
// has nothing more to do: a process of its own, which ends unless something was left behind.

import { setTimeout as sleep } from 'node:timers/promises'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'

const STORES = 40
/** How often the topology is looked at. */
const PERIOD_MS = 5_000
const SPREAD_MS = 120

const hosts = process.argv.slice(2).map((port) => ({ host: '127.0.0.1', port: Number(port) }))
const target = { kind: 'cluster', hosts, tls: false } as const

async function openAndClose(index: number): Promise<void> {
  const store = new RedisMailboxStore({ target, minReplicas: 0, wakeBits: 24 })
  const up = new Promise<void>((resolve) => {
    void store.start({ wake() {}, announced() {}, up: () => resolve(), down() {}, replaced() {} })
  })
  await up
  await sleep(PERIOD_MS - SPREAD_MS / 2 + (index * SPREAD_MS) / STORES)
  await store.close()
}

await Promise.all(Array.from({ length: STORES }, (_, index) => openAndClose(index)))
process.stdout.write('closed\n')

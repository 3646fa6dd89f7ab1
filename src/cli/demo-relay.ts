import { type Relay, startRelay } from '../app.ts'
import { loadConfig } from '../config/config.ts'
import type { Bucket, MailboxStore, Waiting } from '../mailbox/mailbox-store.ts'
import { systemClock } from '../mailbox/system-ports.ts'
import { createMemoryStore } from '../store/memory/mailbox-store.ts'
import { createEvents } from '../telemetry/events.ts'
import { createLogger } from '../telemetry/logger.ts'

/** A relay in this process, on free ports, whose store can be looked into. */
export interface DemoRelay {
  readonly url: string
  /** What the store holds now, as the store itself counts it: every bucket that holds something. */
  held(): Promise<Waiting[]>
  stop(): Promise<void>
}

/** Starts a relay with the memory store, as `lethe serve` would without any variable but for the ports. */
export async function startDemoRelay(): Promise<DemoRelay> {
  const config = loadConfig({ LETHE_PORT: '0', LETHE_ADMIN_PORT: '0', LETHE_DRAIN_SECONDS: '1' })
  const { store, held } = watch(createMemoryStore({ clock: systemClock, capacityBytes: config.memoryStoreBytes }))
  const events = createEvents(createLogger('silent'))
  const relay: Relay = await startRelay(config, { events, store })
  return { url: `http://127.0.0.1:${relay.port}`, held, stop: () => relay.drain() }
}

/** A store has no list of its buckets, so this notes the name of each that is written to, and asks the store for the rest. */
function watch(store: MailboxStore): { store: MailboxStore; held(): Promise<Waiting[]> } {
  const buckets = new Map<string, Bucket>()
  const watched: MailboxStore = {
    deposit: (deposit) =>
      store.deposit({
        queue: deposit.queue,
        sealedBytes: deposit.sealedBytes,
        capacity: deposit.capacity,
        place(nowSeconds) {
          const bucket = deposit.place(nowSeconds)
          buckets.set(String(bucket.tag), bucket)
          return bucket
        },
        firstSeq: () => deposit.firstSeq(),
        seal: () => deposit.seal(),
        stored: (...outcome) => deposit.stored(...outcome),
        full: () => deposit.full(),
        failed: () => deposit.failed(),
      }),
    survey: (asked) => store.survey(asked),
    read: (bucket, after, limit) => store.read(bucket, after, limit),
    erase: (erasure) => store.erase(erasure),
    nowSeconds: (partition) => store.nowSeconds(partition),
    follow: (queue) => store.follow(queue),
    unfollow: (queue) => store.unfollow(queue),
    announce: (queue, announcement) => store.announce(queue, announcement),
    start: (listener) => store.start(listener),
    close: () => store.close(),
    isReady: () => store.isReady(),
    memory: () => store.memory(),
  }
  const held = async () => (await Promise.all([...buckets.values()].map((bucket) => store.survey([bucket])))).flat()
  return { store: watched, held }
}

import { randomBytes } from 'node:crypto'
import { startRelay } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { MailboxStore } from '../../src/mailbox/mailbox-store.ts'
import { systemClock } from '../../src/mailbox/system-ports.ts'
import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { createEvents } from '../../src/telemetry/events.ts'
import { type Test, test } from '../_util/tap.ts'

/** A memory store that writes down under which queue each deposit came. */
function observed(queues: string[]): MailboxStore {
  const store = createMemoryStore({ clock: systemClock, capacityBytes: 1_000_000 })
  const deposit: MailboxStore['deposit'] = (pending) => {
    queues.push(Buffer.from(pending.queue.wakeTag).toString('hex'))
    store.deposit(pending)
  }
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'deposit') return deposit
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Which queues a relay of its own files two envelopes for one address under. */
async function queuesOf(t: Test, address: Buffer, env: Record<string, string> = {}): Promise<string[]> {
  const queues: string[] = []
  const config = loadConfig({ LETHE_PORT: '0', LETHE_ADMIN_PORT: '0', ...env })
  const relay = await startRelay(config, { events: createEvents(() => {}), store: observed(queues) })
  t.teardown(() => relay.drain())
  for (let i = 0; i < 2; i++) {
    const body = Buffer.concat([address, randomBytes(4_000)])
    const headers = { 'content-type': 'application/octet-stream', connection: 'close' }
    await fetch(`http://127.0.0.1:${relay.port}/v1/deposit`, { method: 'POST', headers, body })
  }
  return queues
}

test('[protocol §1] with the memory store each process has a storeSecret of its own, a random one', async (t) => {
  const address = randomBytes(32)
  const relays = [await queuesOf(t, address), await queuesOf(t, address), await queuesOf(t, address)]
  for (const queues of relays) {
    t.equal(queues.length, 2)
    t.equal(new Set(queues).size, 1, 'the same as long as it runs')
  }
  t.equal(new Set(relays.flat()).size, relays.length)
})

test('[protocol §1] a storeSecret that is given is used', async (t) => {
  const address = randomBytes(32)
  const env = { LETHE_STORE_SECRET: randomBytes(32).toString('base64url') }
  t.equal(new Set([...(await queuesOf(t, address, env)), ...(await queuesOf(t, address, env))]).size, 1)
})

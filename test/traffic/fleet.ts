import { setTimeout as sleep } from 'node:timers/promises'
import { type Relay, startRelay } from '../_util/relay.ts'
import type { Test } from '../_util/tap.ts'
import { request } from '../conformance/http.ts'
import { terminateAll } from '../conformance/socket.ts'
import type { Env } from '../conformance/stores.ts'

/** Relay instances behind one name: clients are sent to one that runs. All of them end with the test. */
export class Fleet {
  readonly #instances: (Relay | undefined)[] = []
  /** Every process that ever ran. */
  readonly #started: Relay[] = []

  constructor(t: Test) {
    t.teardown(async () => {
      terminateAll()
      await Promise.all(this.#started.map((relay) => relay.stop()))
    })
  }

  /** Starts an instance, or starts it again with other settings after it has drained and ended. */
  async start(index: number, env: Env): Promise<Relay> {
    const running = this.#instances[index]
    this.#instances[index] = undefined
    await running?.stop()
    const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug', LETHE_DRAIN_SECONDS: '5', ...env })
    this.#started.push(relay)
    this.#instances[index] = relay
    return relay
  }

  /** Resolves when the instance says that it is ready. */
  async ready(index: number): Promise<void> {
    const relay = this.get(index)
    while ((await request({ url: relay.adminUrl }, '/readyz')).status !== 200) await sleep(50)
  }

  get(index: number): Relay {
    const relay = this.#instances[index]
    if (relay === undefined) throw new Error(`instance ${index} does not run`)
    return relay
  }

  /** The instance at this place where it runs, else another one. */
  near(index: number): Relay {
    const relay = this.#instances[index % this.#instances.length] ?? this.#instances.find((other) => other)
    if (relay === undefined) throw new Error('no instance runs')
    return relay
  }

  /** Lines of every log that no relay should ever write. */
  complaints(): string[] {
    return this.#started.flatMap((relay) => relay.stderr().split('\n')).filter((line) => /internal-error/.test(line))
  }
}

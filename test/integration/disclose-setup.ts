import { randomBytes } from 'node:crypto'
import { createHttpDepositor } from '../../src/client/index.ts'
import { createMailbox, type Mailbox, signRequest } from '../../src/client/mailbox.ts'
import { encodeAckRequest, encodeFetchRequest, parseFetchAnswer } from '../../src/protocol/signed-requests.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import type { Test } from '../_util/tap.ts'

export const SIZES = [400, 3000] as const

/** Variables of a relay and of the tool beside it. */
export function environment(url: string, secret: string, read: readonly string[] = []): Record<string, string> {
  return {
    LETHE_REDIS_URL: url,
    LETHE_STORE_SECRET: secret,
    LETHE_ENVELOPE_BYTES: SIZES.join(','),
    ...(read.length > 0 && { LETHE_STORE_SECRETS_READ: read.join(',') }),
  }
}

export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** A Redis of this test's own, so that all that it holds is known. */
export async function ownRedis(t: Test): Promise<RedisServer> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  return redis
}

export async function relayOn(t: Test, env: Record<string, string>): Promise<Relay> {
  const relay = await startRelay(env)
  t.teardown(() => relay.stop())
  return relay
}

/** Somebody with a mailbox, and everything that was sent to it and not acknowledged. */
export class Owner {
  readonly mailbox: Mailbox = createMailbox()
  readonly waiting: { envelope: Buffer; ttlSeconds: number }[] = []
  acknowledged = 0

  /** Sends so many envelopes of a size, made of random bytes as ciphertext is, one after the other. */
  async receive(relay: Relay, count: number, size: number, ttlSeconds: number): Promise<void> {
    const depositor = createHttpDepositor({ relay: relay.url })
    for (let i = 0; i < count; i++) {
      const envelope = randomBytes(size)
      await depositor.deposit({ address: this.mailbox.address, envelope, ttlSeconds })
      this.waiting.push({ envelope, ttlSeconds })
    }
  }

  /** Fetches envelopes of a size and acknowledges those at the given places of the answer. */
  async acknowledge(relay: Relay, sizeIndex: number, places: readonly number[]): Promise<void> {
    const slots = 16
    const size = SIZES[sizeIndex] as number
    const answer = await this.#ask(
      relay,
      'fetch',
      encodeFetchRequest({ ...this.#signer(), sizeIndex, waitSeconds: 0, slots }),
    )
    const { envelopes } = parseFetchAnswer(answer, slots, size)
    const chosen = envelopes.filter((_, i) => places.includes(i))
    if (chosen.length !== places.length) throw new Error(`only ${envelopes.length} envelopes wait`)
    const ids = Buffer.concat(chosen.map(({ id }) => id))
    await this.#ask(relay, 'ack', encodeAckRequest({ ...this.#signer(), ids }))
    for (const { envelope } of chosen) {
      this.waiting.splice(
        this.waiting.findIndex((one) => one.envelope.equals(envelope)),
        1,
      )
      this.acknowledged++
    }
  }

  #signer() {
    return { publicKey: this.mailbox.publicKey, timeSeconds: Math.floor(Date.now() / 60_000) * 60 }
  }

  async #ask(relay: Relay, kind: 'fetch' | 'ack', covered: Uint8Array): Promise<Uint8Array> {
    const body = Buffer.concat([covered, signRequest(this.mailbox, kind, relay.origin, covered)])
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await fetch(`${relay.url}/v1/mailbox/${kind}`, { method: 'POST', headers, body })
    if (!answer.ok) throw new Error(`${kind} was answered ${answer.status}`)
    return new Uint8Array(await answer.arrayBuffer())
  }
}

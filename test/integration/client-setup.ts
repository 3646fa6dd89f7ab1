import { WebSocket } from 'ws'
import {
  createHttpDepositor,
  type MailboxConnectionOptions,
  pad,
  type ReceivedEnvelope,
  type RetryOptions,
  unpad,
} from '../../src/client/index.ts'
import { type FlakyProxy, startFlakyProxy } from '../_util/flaky-proxy.ts'
import { findFreePort } from '../_util/ports.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import type { Test } from '../_util/tap.ts'

export const SIZES = [4_000, 64_000]

/** As patient as needed and without long pauses. */
export const FAST: RetryOptions = { minDelayMs: 5, maxDelayMs: 40, maxAttempts: 2_000, maxTotalMs: 60_000 }
/** One failure is the last. */
export const ONCE: RetryOptions = { maxAttempts: 1 }

/** What receiving in a test needs. */
export function receiving(relay: string): MailboxConnectionOptions {
  return { relay, WebSocket, retry: FAST, drainDelayMs: 20 }
}

export { WebSocket }

/** A relay with the memory store, ended with the test. */
export async function startTestRelay(t: Test, env: Record<string, string> = {}): Promise<Relay> {
  const relay = await startRelay(env)
  t.teardown(() => relay.stop())
  return relay
}

/** A relay behind a proxy, known by the origins of both. */
export async function startProxiedRelay(
  t: Test,
  env: Record<string, string> = {},
): Promise<{ proxy: FlakyProxy; relay: Relay }> {
  const proxy = await startFlakyProxy()
  t.teardown(() => proxy.stop())
  const port = await findFreePort()
  const origins = `${proxy.url},http://127.0.0.1:${port}`
  const relay = await startTestRelay(t, { LETHE_PORT: String(port), LETHE_PUBLIC_ORIGIN: origins, ...env })
  proxy.setTarget(port)
  return { proxy, relay }
}

/** An envelope that holds a number. */
export function envelopeOf(number: number, sizes: readonly number[] = SIZES): Uint8Array {
  return pad(new TextEncoder().encode(String(number)), sizes)
}

export function numberIn({ envelope }: { envelope: Uint8Array }): number {
  return Number(new TextDecoder().decode(unpad(envelope)))
}

/** Deposits envelopes that hold these numbers, one after the other. */
export async function depositNumbers(
  relay: string,
  address: Uint8Array,
  numbers: readonly number[],
  sizes = SIZES,
): Promise<void> {
  const depositor = createHttpDepositor({ relay, retry: FAST })
  for (const number of numbers) await depositor.deposit({ address, envelope: envelopeOf(number, sizes) })
}

/** The next `count` envelopes. Rejects where the iteration ends before. */
export async function take(
  from: AsyncIterator<ReceivedEnvelope, undefined>,
  count: number,
): Promise<ReceivedEnvelope[]> {
  const taken: ReceivedEnvelope[] = []
  while (taken.length < count) {
    const { value } = await from.next()
    if (value === undefined) throw new Error(`the iteration ended after ${taken.length} of ${count} envelopes`)
    taken.push(value)
  }
  return taken
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

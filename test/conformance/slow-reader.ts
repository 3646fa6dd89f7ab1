import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from '../_util/tap.ts'
import { createEnvelope, createEnvelopes, createMailbox, type Mailbox, numbersOf, range } from './client.ts'
import { depositAll } from './deposit-socket.ts'
import { deposit } from './http.ts'
import { connectMailbox, type MailboxSocket } from './mailbox-socket.ts'
import { CLOSE } from './problems.ts'
import { NO_CLOSE_FRAME } from './socket.ts'
import type { Relay } from './stores.ts'

/** A small buffer, a wide window, and buckets that hold a backlog of some size. */
export const SLOW_READER_ENV = {
  LETHE_SOCKET_BUFFER_BYTES: '100000',
  LETHE_WINDOW: '1024',
  LETHE_BUCKET_BYTES: '64000000',
}

const READERS = 4
const BACKLOG = 300
const SIZE = 64_000
/** Less than the two missed pongs that would end the connection anyway. */
const STALL_SECONDS = 45
/** A relay that buffered the backlogs whole would grow by more, whatever the kernel's buffers take of them. */
const GROWTH_BYTES = 40_000_000

function residentBytes({ pid }: Relay): number {
  const [, kibibytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) * 1_024
}

/** Opens a mailbox and reads nothing from then on. */
async function stall(relay: Relay, mailbox: Mailbox): Promise<MailboxSocket> {
  const reader = await connectMailbox(relay)
  reader.pause()
  reader.sendOpen(1, mailbox)
  return reader
}

/** Serves somebody else once a second; gives the most memory that the relay took meanwhile. */
async function serveMeanwhile(t: Test, relay: Relay, reader: MailboxSocket, mailbox: Mailbox): Promise<number> {
  let peakBytes = 0
  for (const second of range(0, STALL_SECONDS)) {
    await deposit(relay, mailbox.address, createEnvelope(4_000, second))
    const received = await reader.envelopes(1, 1)
    if (second % 15 === 0) t.same(numbersOf(received), [second], 'another reader is served')
    reader.ack(1, [received[0]?.id ?? ''])
    peakBytes = Math.max(peakBytes, residentBytes(relay))
    await sleep(1_000)
  }
  return peakBytes
}

/** A reader that never reads is given up with bounded memory [protocol §6, 4410]. */
export async function checkStalledReaders(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const other = await connectMailbox(relay)
  await other.open(1, mailbox)
  await other.untilDrained(1)
  const mailboxes = range(0, READERS).map(() => createMailbox())
  const backlog = Array<Buffer>(BACKLOG).fill(createEnvelope(SIZE))
  for (const { address } of mailboxes) await depositAll(relay, address, backlog, 600)
  const baseBytes = residentBytes(relay)
  const stalled = await Promise.all(mailboxes.map((each) => stall(relay, each)))
  const grownBytes = (await serveMeanwhile(t, relay, other, mailbox)) - baseBytes
  t.ok(grownBytes < GROWTH_BYTES, `its memory is bounded: it grew by ${grownBytes} bytes`)
  for (const reader of stalled) {
    reader.resume()
    const arrivals = await reader.rest(5_000)
    const last = arrivals.at(-1)
    const code = last?.kind === 'close' ? last.code : 'none'
    t.ok(code === CLOSE.tooSlow || code === NO_CLOSE_FRAME, `given up, with close code ${code}`)
    t.ok(arrivals.length < BACKLOG, `it was sent ${arrivals.length} frames of ${BACKLOG} envelopes`)
  }
  await other.close()
}

/** A reader that reads is served whole, however small the relay's buffer for it is. */
export async function checkSteadyReader(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(100, SIZE), 600)
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  t.same(numbersOf(await reader.takeAll(1)), range(0, 100))
  await depositAll(relay, mailbox.address, createEnvelopes(20, SIZE, 100), 600)
  t.same(numbersOf(await reader.envelopesAmidDrained(1, 20)), range(100, 120))
  await reader.close()
}

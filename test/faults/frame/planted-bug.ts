import { Delivery } from '../../../src/mailbox/delivery.ts'
import { type Asker, type Deposit, Depositor } from '../../../src/mailbox/deposit.ts'
import { MailboxConnection } from '../../../src/mailbox/mailbox-connection.ts'
import { ENVELOPE_HEADER_BYTES } from '../../../src/protocol/mailbox-frames.ts'
import { classSeconds, grantClass, MAX_TTL_SECONDS } from '../../../src/protocol/retention.ts'
import { RedisMailboxStore } from '../../../src/store/redis/mailbox-store.ts'
import { NodeWatch } from '../../../src/store/redis/node-watch.ts'
import { Outgoing } from '../../../src/ws/outgoing.ts'

/**
 * Loaded into a relay before it starts (`node --import`): it then has the bug that `PLANTED_BUG` names. None of them shows
 * as long as nothing fails.
 */
const BUGS = {
  /** Answers before the store and its replicas have confirmed, and stores a moment later. */
  'answers early': answerEarly,
  /** Does not look into mailboxes again after the store was away, nor from time to time. */
  'no re-read': forgetLooks,
  /** Claims get lost from SIGUSR2 on. */
  'lost claim': loseClaims,
  /** Erases what it sends, whether or not it is acknowledged. */
  'erases early': eraseEarly,
  /** Takes its own clock for that of the store. */
  'own clock': useOwnClock,
} as const

export type BugName = keyof typeof BUGS

const LATE_MS = 150
const ACK_TYPE = 0x02
let isProvoked = false

function answerEarly(): void {
  const store: (deposit: Deposit) => void = Depositor.prototype.deposit
  const nobody: Asker = { accepted() {}, refused() {} }
  Depositor.prototype.deposit = function answerFirst(deposit) {
    // Its own copy: frames are reused once they are answered.
    const frame = Uint8Array.from(deposit.frame)
    const late = { ...deposit, address: Uint8Array.from(deposit.address), frame, asker: nobody }
    const granted = classSeconds(grantClass(deposit.ttlSeconds, MAX_TTL_SECONDS))
    deposit.asker.accepted(deposit.ref, frame.length, granted)
    setTimeout(() => store.call(this, late), LATE_MS)
  }
}

function forgetLooks(): void {
  Delivery.prototype.gap = () => undefined
  Delivery.prototype.look = () => undefined
}

function loseClaims(): void {
  const announce = RedisMailboxStore.prototype.announce
  RedisMailboxStore.prototype.announce = async function loseOne(queue, announcement) {
    if (!isProvoked || announcement.kind !== 'claim') await announce.call(this, queue, announcement)
  }
}

function eraseEarly(): void {
  const { cutOffIfOverfull, sendAndWipe } = Outgoing.prototype
  const { receive } = MailboxConnection.prototype
  const connections = new WeakMap<Outgoing, MailboxConnection>()
  let current: Outgoing | undefined
  // Called for each frame just before the connection receives it, which tells what belongs together.
  Outgoing.prototype.cutOffIfOverfull = function remember() {
    current = this
    return cutOffIfOverfull.call(this)
  }
  MailboxConnection.prototype.receive = function join(frame) {
    if (current !== undefined) connections.set(current, this)
    receive.call(this, frame)
  }
  Outgoing.prototype.sendAndWipe = function acknowledge(room, frameOffset) {
    const ack = Buffer.from(room.subarray(frameOffset, frameOffset + ENVELOPE_HEADER_BYTES))
    ack[0] = ACK_TYPE
    sendAndWipe.call(this, room, frameOffset)
    queueMicrotask(() => receive.call(connections.get(this) as MailboxConnection, ack))
  }
}

function useOwnClock(): void {
  NodeWatch.prototype.nowSeconds = () => Math.floor(Date.now() / 1_000)
}

process.on('SIGUSR2', () => {
  isProvoked = true
})
const plant = BUGS[process.env.PLANTED_BUG as BugName]
if (plant !== undefined) plant()

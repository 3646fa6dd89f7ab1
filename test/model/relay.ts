import { aboutOf, connectionOf, dropMessages, kindOf, MESSAGE, publish, sessionId, takeMessage } from './messages.ts'
import { forget, handOver, isOpen, look, pump, wake } from './session.ts'
import {
  AT,
  BUCKETS,
  bucketOf,
  CONNECTIONS,
  ENVELOPES,
  get,
  mailboxOf,
  type Rules,
  SESSION,
  SLOTS,
  slotOf,
  type World,
} from './world.ts'

/** What src/mailbox/open-mailboxes.ts and delivery-session.ts do: who listens, and what is heard. */

const ENTRY = { none: 0, entry: 1, counted: 2 } as const

/** Whether a connection's session listens on a relay to a mailbox. */
export function isListener({ setting }: Rules, w: World, c: number, relay: number, mailbox: number): boolean {
  if (setting.relayOfConnection[c] !== relay || setting.mailboxOfConnection[c] !== mailbox) return false
  return get(w, AT.session + c) >= SESSION.claimed
}

export function hasListener(rules: Rules, w: World, relay: number, mailbox: number): boolean {
  for (let c = 0; c < CONNECTIONS; c++) if (isListener(rules, w, c, relay, mailbox)) return true
  return false
}

/** OpenMailboxes.expect: takes note of a deposit of a relay's own. */
export function expectWake(rules: Rules, w: World, e: number): void {
  const relay = rules.setting.relayOfEnvelope[e] as number
  const mailbox = rules.setting.mailboxOfEnvelope[e] as number
  let entry: number = ENTRY.none
  for (let c = 0; c < CONNECTIONS; c++) {
    if (isListener(rules, w, c, relay, mailbox)) entry = Math.max(entry, isOpen(w, c) ? ENTRY.counted : ENTRY.entry)
  }
  w[AT.entry + e] = entry
  if (entry !== ENTRY.counted) return
  const at = ownWakesAt(rules, relay, get(w, AT.bucket + e))
  w[at] = get(w, at) + 1
}

function ownWakesAt({ mutation }: Rules, relay: number, bucket: number): number {
  const counted = mutation === 'own wake-ups not counted by bucket' ? bucketOf(mailboxOf(bucket), 0) : bucket
  return AT.ownWakes + relay * BUCKETS + counted
}

/** @returns whether an own wake-up was still to be heard */
function forgetOwnWake(rules: Rules, w: World, relay: number, bucket: number): boolean {
  const at = ownWakesAt(rules, relay, bucket)
  if (get(w, at) === 0) return false
  w[at] = get(w, at) - 1
  return true
}

function wakeAll(rules: Rules, w: World, relay: number, bucket: number): void {
  for (let c = 0; c < CONNECTIONS; c++) {
    if (isListener(rules, w, c, relay, mailboxOf(bucket))) wake(rules, w, c, slotOf(bucket))
  }
}

/** ExpectedWake.stored: an envelope of this relay's own is offered to whoever listens. */
export function ownStored(rules: Rules, w: World, e: number, mayPush: boolean): void {
  const { setting, mutation } = rules
  const isAnybody = mutation === 'handed to anybody'
  const hadEntry = get(w, AT.entry + e) !== ENTRY.none
  w[AT.entry + e] = ENTRY.none
  if (!hadEntry && !isAnybody) return
  let isLeft = mayPush
  for (let c = 0; c < CONNECTIONS; c++) {
    const mailbox = (isAnybody ? setting.mailboxOfConnection[c] : setting.mailboxOfEnvelope[e]) as number
    if (!isListener(rules, w, c, setting.relayOfEnvelope[e] as number, mailbox)) continue
    if (handOver(rules, w, c, e, isLeft)) isLeft = false
  }
}

/** ExpectedWake.refused: if its place was used up by a wake-up of somebody else's, that one is made up for. */
export function ownRefused(rules: Rules, w: World, e: number): void {
  const relay = rules.setting.relayOfEnvelope[e] as number
  const bucket = get(w, AT.bucket + e)
  const isCounted = get(w, AT.entry + e) === ENTRY.counted
  w[AT.entry + e] = ENTRY.none
  if (isCounted && !forgetOwnWake(rules, w, relay, bucket)) wakeAll(rules, w, relay, bucket)
}

/** ExpectedWake.lost: nobody knows whether it was stored. */
export function ownLost(rules: Rules, w: World, e: number): void {
  const relay = rules.setting.relayOfEnvelope[e] as number
  const bucket = get(w, AT.bucket + e)
  const entry = get(w, AT.entry + e)
  w[AT.entry + e] = ENTRY.none
  if (entry === ENTRY.counted) forgetOwnWake(rules, w, relay, bucket)
  if (entry !== ENTRY.none) wakeAll(rules, w, relay, bucket)
}

/** Ends a session; the last listener takes the relay's notes on the mailbox along. */
export function endSession(rules: Rules, w: World, c: number): void {
  const { setting } = rules
  const relay = setting.relayOfConnection[c] as number
  const mailbox = setting.mailboxOfConnection[c] as number
  forget(w, c)
  if (hasListener(rules, w, relay, mailbox)) return
  const at = AT.ownWakes + relay * BUCKETS + bucketOf(mailbox, 0)
  w.fill(0, at, at + SLOTS)
  for (let e = 0; e < ENVELOPES; e++) {
    if (setting.relayOfEnvelope[e] === relay && setting.mailboxOfEnvelope[e] === mailbox) w[AT.entry + e] = ENTRY.none
  }
}

/** A relay takes the next message off its subscription. */
export function hear(rules: Rules, w: World, relay: number): void {
  const message = takeMessage(w, relay)
  const about = aboutOf(message)
  if (kindOf(message) === MESSAGE.wake) {
    if (!forgetOwnWake(rules, w, relay, about)) wakeAll(rules, w, relay, about)
    return
  }
  const mailbox = rules.setting.mailboxOfConnection[connectionOf(about)] as number
  for (let c = 0; c < CONNECTIONS; c++) {
    if (isListener(rules, w, c, relay, mailbox)) announced(rules, w, c, kindOf(message), about)
  }
}

/** DeliverySession.announced, and Claims with one queue. */
function announced(rules: Rules, w: World, c: number, kind: number, session: number): void {
  const isOwn = session === sessionId(w, c)
  if (kind === MESSAGE.answer) {
    if (isOwn) endSession(rules, w, c)
  } else if (kind === MESSAGE.question) {
    if (!isOwn && isOpen(w, c)) answer(rules, w, c, session)
  } else if (isOwn) {
    if (!isOpen(w, c)) beginDelivery(rules, w, c)
  } else if (isOpen(w, c) && rules.mutation !== 'lost claim') {
    endSession(rules, w, c)
  }
}

function beginDelivery(rules: Rules, w: World, c: number): void {
  w[AT.session + c] = SESSION.open
  if (rules.mutation !== 'read before subscribe') look(w, c)
  pump(rules, w, c)
}

// The connection with the larger index has the larger session; settings exchange the relays.
function answer(rules: Rules, w: World, c: number, session: number): void {
  if (get(w, AT.isAsking + c) > 0 && session > sessionId(w, c)) endSession(rules, w, c)
  else publish(w, MESSAGE.answer, session)
}

/** A relay hears nothing any more. A session that still waits for its own claim will never hear it, and gives up. */
export function unsubscribe(rules: Rules, w: World, relay: number): void {
  w[AT.isSubscribed + relay] = 0
  dropMessages(w, relay)
  for (let c = 0; c < CONNECTIONS; c++) {
    const isWaiting = get(w, AT.session + c) === SESSION.claimed
    if (isWaiting && rules.setting.relayOfConnection[c] === relay) endSession(rules, w, c)
  }
}

/** After a gap in a relay's subscription its sessions ask whether they are still the newest, and look. */
export function resubscribe(rules: Rules, w: World, relay: number): void {
  w[AT.isSubscribed + relay] = 1
  w.fill(0, AT.ownWakes + relay * BUCKETS, AT.ownWakes + (relay + 1) * BUCKETS)
  for (let c = 0; c < CONNECTIONS; c++) {
    if (rules.setting.relayOfConnection[c] !== relay || !isOpen(w, c)) continue
    if (rules.mutation !== 'no question after a gap') {
      w[AT.isAsking + c] = 1
      publish(w, MESSAGE.question, sessionId(w, c))
    }
    look(w, c)
  }
}

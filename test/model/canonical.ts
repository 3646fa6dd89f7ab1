import { aboutOf, connectionOf, keepMessages, kindOf, MESSAGE, sessionId } from './messages.ts'
import { moveNumbers } from './numbers.ts'
import { willBeGone, willReadAnyway } from './reductions.ts'
import { isListener } from './relay.ts'
import { isOpen } from './session.ts'
import {
  ACKNOWLEDGED,
  AT,
  BUCKETS,
  CONNECTIONS,
  ENVELOPES,
  get,
  hasBit,
  hasExpired,
  mailboxOf,
  PHASE,
  RELAYS,
  type Rules,
  slotOf,
  type World,
} from './world.ts'

/** Makes equal what no future can tell apart. */
export function makeCanonical(rules: Rules, w: World): void {
  for (let relay = 0; relay < RELAYS; relay++) forgetUnheeded(rules, w, relay)
  for (let e = 0; e < ENVELOPES; e++) if (isGone(w, e)) forgetEnvelope(w, e)
  moveNumbers(rules, w)
}

/**
 * Messages that will make no difference to whoever hears them. What is in a queue is heard in order, and a session that
 * begins later has its own claim behind all of it; until it hears that one,
 * - claims and questions of others mean nothing to it, and an answer names another session;
 * - a wake-up marks a bucket into which the session will look anyway: it is as if the envelope had come a little later.
 * So a message is kept only for sessions that listen already, and a claim or question only if they are open by then. A
 * relay where nobody listens has nothing to ask after a gap either: it can as well have none.
 */
function forgetUnheeded(rules: Rules, w: World, relay: number): void {
  if (get(w, AT.queueLength + relay) > 0) {
    let [claimsBefore, wakesBefore] = [0, 0]
    keepMessages(w, relay, (message) => {
      const [kind, about] = [kindOf(message), aboutOf(message)]
      if (kind === MESSAGE.wake) {
        const isRepeated = hasBit(wakesBefore, about) && get(w, AT.ownWakes + relay * BUCKETS + about) === 0
        wakesBefore |= 1 << about
        return !(isRepeated && rules.isReduced) && isWakeHeeded(rules, w, relay, about, claimsBefore)
      }
      const isKept = isHeeded(rules, w, relay, message, claimsBefore)
      if (kind === MESSAGE.claim) claimsBefore |= 1 << about
      return isKept
    })
  }
  if (get(w, AT.isSubscribed + relay) > 0) return
  for (let c = 0; c < CONNECTIONS; c++)
    if (isListener(rules, w, c, relay, rules.setting.mailboxOfConnection[c] as number)) return
  w[AT.isSubscribed + relay] = 1
}

function isHeeded(rules: Rules, w: World, relay: number, message: number, claimsBefore: number): boolean {
  const about = aboutOf(message)
  const kind = kindOf(message)
  const mailbox = rules.setting.mailboxOfConnection[connectionOf(about)] as number
  for (let c = 0; c < CONNECTIONS; c++) {
    if (!isListener(rules, w, c, relay, mailbox)) continue
    const own = sessionId(w, c)
    if (about === own) {
      if (kind !== MESSAGE.question) return true
    } else if (kind !== MESSAGE.answer && (isOpen(w, c) || hasBit(claimsBefore, own))) return true
  }
  return false
}

function isWakeHeeded(rules: Rules, w: World, relay: number, bucket: number, claimsBefore: number): boolean {
  for (let c = 0; c < CONNECTIONS; c++) {
    if (!isListener(rules, w, c, relay, mailboxOf(bucket))) continue
    if (!rules.isReduced || get(w, AT.ownWakes + relay * BUCKETS + bucket) > 0) return true
    if (!willReadAnyway(rules, w, c, slotOf(bucket)) && !willBeGone(rules, w, c, claimsBefore)) return true
  }
  return false
}

/**
 * An envelope that nobody holds, sends, reads, erases or will acknowledge again is only a number that was used; and numbers
 * of a bucket that was made anew are chosen apart from all that anybody still has in mind.
 */
function isGone(w: World, e: number): boolean {
  if (get(w, AT.phase + e) !== PHASE.done || hasBit(get(w, AT.held) | get(w, AT.replicaHeld), e)) return false
  if (get(w, AT.isOwed + e) > 0) return false
  for (let c = 0; c < CONNECTIONS; c++) {
    const inHand = get(w, AT.outstanding + c) | get(w, AT.pageEnvelopes + c)
    if (hasBit(inHand | get(w, AT.erasureAsked + c) | get(w, AT.erasureDone + c), e)) return false
  }
  const mayRepeat = get(w, AT.repeatsLeft) > 0 && get(w, AT.acknowledged + e) !== ACKNOWLEDGED.no
  return !mayRepeat || hasExpired(w, get(w, AT.bucket + e))
}

function forgetEnvelope(w: World, e: number): void {
  for (const field of [AT.bucket, AT.seq, AT.base, AT.acknowledged]) w[field + e] = 0
  for (let c = 0; c < CONNECTIONS; c++) w[AT.erasedBefore + c] = get(w, AT.erasedBefore + c) & ~(1 << e)
}

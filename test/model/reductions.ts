import { connectionOf, isQuestionUnderWay, sessionId } from './messages.ts'
import { erased, isOpen, takeLook, takePage } from './session.ts'
import { readFor } from './steps.ts'
import { confirmErasures, replicate } from './store.ts'
import { AT, CONNECTIONS, ENVELOPES, get, hasBit, PHASE, READ, RELAYS, type Rules, SLOTS, type World } from './world.ts'

/**
 * Steps that are taken together with the one before where a setting is reduced. The README says of each why nothing that
 * matters can come between; settings that are not reduced take every one of them apart.
 */
export function goOn(rules: Rules, w: World): void {
  if (get(w, AT.crashesLeft) === 0) confirmAtOnce(w)
  for (let relay = 0; relay < RELAYS; relay++) hearUnnoticed(rules, w, relay)
  for (let c = 0; c < CONNECTIONS; c++) {
    readAtOnce(rules, w, c)
    if (get(w, AT.isAsking + c) > 0 && !isQuestionUnderWay(w)) w[AT.isAsking + c] = 0
  }
}

// Where no master can be lost any more nobody can tell what its replica lacks.
function confirmAtOnce(w: World): void {
  replicate(w)
  for (let c = 0; c < CONNECTIONS; c++) if (get(w, AT.erasureDone + c) > 0) confirmUnnoticed(w, c)
}

// A session notices that an erasure is confirmed only if it can then forget the bucket, which it cannot as long as another
// envelope of it is in its recipient's hands.
function confirmUnnoticed(w: World, c: number): void {
  const noticed = get(w, AT.erasureDone + c) & get(w, AT.erasureTracked + c)
  for (let e = 0; e < ENVELOPES; e++) if (hasBit(noticed, e) && !hasOutstanding(w, c, get(w, AT.bucket + e))) return
  confirmErasures(w, c)
  erased(w, c)
}

function hasOutstanding(w: World, c: number, bucket: number): boolean {
  for (let e = 0; e < ENVELOPES; e++) {
    if (hasBit(get(w, AT.outstanding + c), e) && get(w, AT.bucket + e) === bucket) return true
  }
  return false
}

// An answer to a deposit of which no session of its relay has taken note changes nothing there but that the lane is free.
function hearUnnoticed(rules: Rules, w: World, relay: number): void {
  let answered = 0
  for (let e = 0; e < ENVELOPES; e++) {
    if (rules.setting.relayOfEnvelope[e] !== relay) continue
    const phase = get(w, AT.phase + e)
    if (phase === PHASE.stored || phase === PHASE.misfit) return
    if (phase !== PHASE.confirmed && phase !== PHASE.full) continue
    if (get(w, AT.entry + e) > 0) return
    answered |= 1 << e
  }
  for (let e = 0; e < ENVELOPES; e++) if (hasBit(answered, e)) w[AT.phase + e] = PHASE.done
}

// Looks and reads change nothing in the store.
function readAtOnce(rules: Rules, w: World, c: number): void {
  if (get(w, AT.isLooking + c) > 0) takeLook(rules, w, c)
  while (get(w, AT.readStage + c) === READ.asked) {
    readFor(rules, w, c)
    takePage(rules, w, c)
  }
}

/** Whether a session will read a bucket after now also if it does not hear a wake-up that is under way. */
export function willReadAnyway({ mutation }: Rules, w: World, c: number, slot: number): boolean {
  const willLook = !isOpen(w, c) && mutation !== 'read before subscribe'
  return willLook || get(w, AT.isLooking + c) > 0 || get(w, AT.isDirty + c * SLOTS + slot) > 0
}

/** Whether a session will have heard that it was displaced before it hears a message behind these claims. */
export function willBeGone({ setting, mutation }: Rules, w: World, c: number, claimsBefore: number): boolean {
  if (mutation === 'lost claim' || !isOpen(w, c)) return false
  for (let session = 0; claimsBefore >> session > 0; session++) {
    const claimant = connectionOf(session)
    const isSameMailbox = setting.mailboxOfConnection[claimant] === setting.mailboxOfConnection[c]
    if (hasBit(claimsBefore, session) && isSameMailbox && session !== sessionId(w, c)) return true
  }
  return false
}

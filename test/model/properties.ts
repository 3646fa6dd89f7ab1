import { isOpen } from './session.ts'
import {
  ACKNOWLEDGED,
  AT,
  CONNECTIONS,
  countOf,
  ENVELOPES,
  get,
  hasBit,
  PHASE,
  type Rules,
  Violation,
  type World,
} from './world.ts'

/** Nothing accepted is lost before its expiry: until it is acknowledged the store holds it, or is about to. */
export function checkAlways(w: World): void {
  for (let e = 0; e < ENVELOPES; e++) {
    if (get(w, AT.isOwed + e) === 0 || hasBit(get(w, AT.held), e)) continue
    const phase = get(w, AT.phase + e)
    const isComing = phase === PHASE.asked || phase === PHASE.orphan || phase === PHASE.misfit
    if (!isComing) throw new Violation(`envelope ${e} was accepted and is lost`)
  }
}

/** Once all has come to rest: one session a mailbox, and it has been sent everything that there is room for. */
export function checkAtRest({ setting }: Rules, w: World): void {
  for (let mailbox = 0; mailbox < 2; mailbox++) {
    let session = -1
    for (let c = 0; c < CONNECTIONS; c++) {
      if (setting.mailboxOfConnection[c] !== mailbox || !isOpen(w, c)) continue
      if (session >= 0) throw new Violation(`mailbox ${mailbox} is open twice`)
      session = c
    }
    if (session < 0 || countOf(get(w, AT.outstanding + session)) >= setting.window) continue
    const unsent = get(w, AT.held) & ~get(w, AT.outstanding + session)
    for (let e = 0; e < ENVELOPES; e++) {
      // One that was acknowledged may be back after a failover; it waits for the next OPEN.
      if (get(w, AT.acknowledged + e) !== ACKNOWLEDGED.no) continue
      if (hasBit(unsent, e) && setting.mailboxOfEnvelope[e] === mailbox) {
        throw new Violation(`envelope ${e} waits and nobody will send it`)
      }
    }
  }
}

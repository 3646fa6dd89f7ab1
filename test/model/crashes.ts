import { endSession, ownLost, resubscribe, unsubscribe } from './relay.ts'
import { failErasures, failRead } from './session.ts'
import type { Take } from './steps.ts'
import { promote } from './store.ts'
import { AT, CONNECTIONS, ENVELOPES, get, PHASE, RELAYS, type Rules, SESSION, type World } from './world.ts'

/** What may break at any time, as often as the setting allows. */
export function crashSteps(rules: Rules, w: World, take: Take): void {
  if (get(w, AT.crashesLeft) === 0) return
  const crash = (step: string, change: (next: World) => void) =>
    take(step, (next) => {
      next[AT.crashesLeft] = get(next, AT.crashesLeft) - 1
      change(next)
    })
  const { breaks } = rules.setting
  for (let relay = 0; relay < RELAYS; relay++) {
    if (breaks.includes('relay')) {
      crash(`relay ${relay} dies`, (next) => killRelay(rules, next, relay, PHASE.orphan))
      if (isAsking(rules, w, relay)) {
        crash(`relay ${relay} dies, and what it asked for is lost`, (next) => killRelay(rules, next, relay, PHASE.done))
      }
    }
    if (breaks.includes('subscription') && get(w, AT.isSubscribed + relay) > 0) {
      crash(`relay ${relay} hears nothing`, (next) => unsubscribe(rules, next, relay))
    }
    if (breaks.includes('replica')) {
      crash(`relay ${relay} waits in vain for the replica`, (next) => timeOut(rules, next, relay))
    }
  }
  for (let c = 0; c < CONNECTIONS; c++) {
    if (breaks.includes('connection') && get(w, AT.session + c) !== SESSION.none) {
      crash(`connection ${c} breaks`, (next) => endSession(rules, next, c))
    }
  }
  if (breaks.includes('master')) crash('the replica takes over', (next) => failOver(rules, next))
  if (breaks.includes('another store')) {
    crash('the replica takes over as another store', (next) => {
      failOver(rules, next)
      for (let c = 0; c < CONNECTIONS; c++) if (get(next, AT.session + c) !== SESSION.none) endSession(rules, next, c)
    })
  }
}

function isAsking({ setting }: Rules, w: World, relay: number): boolean {
  for (let e = 0; e < ENVELOPES; e++) {
    if (setting.relayOfEnvelope[e] === relay && get(w, AT.phase + e) === PHASE.asked) return true
  }
  return false
}

function killRelay(rules: Rules, w: World, relay: number, phaseOfAsked: number): void {
  const { setting } = rules
  for (let c = 0; c < CONNECTIONS; c++) {
    if (setting.relayOfConnection[c] !== relay) continue
    w[AT.erasureAsked + c] = 0
    w[AT.erasureDone + c] = 0
    if (get(w, AT.session + c) !== SESSION.none) endSession(rules, w, c)
  }
  for (let e = 0; e < ENVELOPES; e++) {
    const phase = get(w, AT.phase + e)
    if (setting.relayOfEnvelope[e] !== relay || phase === PHASE.unsent || phase === PHASE.orphan) continue
    w[AT.phase + e] = phase === PHASE.asked ? phaseOfAsked : PHASE.done
  }
  unsubscribe(rules, w, relay)
  w[AT.isSubscribed + relay] = 1
}

/** The connection to the node that was master is gone, with all that was asked of it and not answered. */
function failOver(rules: Rules, w: World): void {
  promote(w)
  for (let relay = 0; relay < RELAYS; relay++) unsubscribe(rules, w, relay)
  for (let c = 0; c < CONNECTIONS; c++) {
    failRead(w, c)
    failErasures(w, c)
  }
  for (let e = 0; e < ENVELOPES; e++) if (get(w, AT.phase + e) !== PHASE.unsent) loseDeposit(rules, w, e)
  // A subscription that stays away for longer is a break of its own.
  if (rules.isReduced) for (let relay = 0; relay < RELAYS; relay++) resubscribe(rules, w, relay)
}

/** WAIT tells that no replica has confirmed in time. */
function timeOut(rules: Rules, w: World, relay: number): void {
  for (let e = 0; e < ENVELOPES; e++) {
    if (rules.setting.relayOfEnvelope[e] === relay && get(w, AT.phase + e) === PHASE.stored) loseDeposit(rules, w, e)
  }
  for (let c = 0; c < CONNECTIONS; c++) {
    if (rules.setting.relayOfConnection[c] === relay && get(w, AT.erasureDone + c) > 0) failErasures(w, c)
  }
}

function loseDeposit(rules: Rules, w: World, e: number): void {
  if (get(w, AT.phase + e) === PHASE.done) return
  w[AT.phase + e] = PHASE.done
  ownLost(rules, w, e)
}

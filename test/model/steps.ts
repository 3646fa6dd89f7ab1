import { freeIncarnation, isQuestionUnderWay, MESSAGE, publish, sessionId } from './messages.ts'
import { expectWake, hasListener, hear, ownRefused, ownStored, resubscribe } from './relay.ts'
import { acknowledge, erased, isOpen, look, takeLook, takePage } from './session.ts'
import { confirmErasures, eraseBatch, expire, isBehind, nextAfter, read, replicate, storeBatch } from './store.ts'
import {
  ACKNOWLEDGED,
  AT,
  bucketOf,
  CONNECTIONS,
  countOf,
  ENVELOPES,
  get,
  hasBit,
  PHASE,
  READ,
  RELAYS,
  type Rules,
  SESSION,
  SLOTS,
  type World,
} from './world.ts'

/** Takes a step by its name, and what it changes. */
export type Take = (step: string, change: (next: World) => void) => void

/** What people and time do, whenever they like. */
export function outsideSteps(rules: Rules, w: World, take: Take): void {
  for (let e = 0; e < ENVELOPES; e++) if (maySend(rules, w, e)) sendSteps(rules, w, e, take)
  for (let c = 0; c < CONNECTIONS; c++) {
    if (get(w, AT.opensLeft) > 0 && get(w, AT.session + c) === SESSION.none) {
      if (get(w, AT.isSubscribed + (rules.setting.relayOfConnection[c] as number)) > 0) {
        take(`connection ${c} opens`, (next) => open(rules, next, c))
      }
    }
    if (isOpen(w, c)) acknowledgements(rules, w, c, take)
    if (get(w, AT.isAsking + c) > 0 && !isQuestionUnderWay(w)) {
      take(`connection ${c} has waited for answers`, (next) => {
        next[AT.isAsking + c] = 0
      })
    }
  }
  if (get(w, AT.slot) < rules.setting.slots) {
    take('a slot begins', (next) => {
      next[AT.slot] = get(next, AT.slot) + 1
      expire(next)
    })
  }
}

// What one turn asks for goes to the store as one batch; the next is sealed when the relay has heard of that.
function maySend({ setting }: Rules, w: World, e: number): boolean {
  if (get(w, AT.phase + e) !== PHASE.unsent || get(w, AT.slot) === SLOTS) return false
  for (let other = 0; other < ENVELOPES; other++) {
    if (setting.relayOfEnvelope[other] !== setting.relayOfEnvelope[e]) continue
    const phase = get(w, AT.phase + other)
    if (phase >= PHASE.stored && phase < PHASE.done) return false
    // A sender's frames arrive in order, one sender at each relay.
    if (other < e && phase === PHASE.unsent) return false
  }
  return true
}

function sendSteps(rules: Rules, w: World, e: number, take: Take): void {
  const { setting, isReduced, mutation } = rules
  const relay = setting.relayOfEnvelope[e] as number
  if (
    !isReduced ||
    mutation === 'acknowledged before stored' ||
    hasListener(rules, w, relay, setting.mailboxOfEnvelope[e] as number)
  ) {
    take(`envelope ${e} is sent`, (next) => seal(rules, next, e))
  }
  if (!isReduced) return
  take(`envelope ${e} is sent while nobody listens, and stored`, (next) => sendAndStore(rules, next, e))
}

function sendAndStore(rules: Rules, w: World, e: number): void {
  w[AT.phase + e] = PHASE.asked
  w[AT.bucket + e] = bucketOf(rules.setting.mailboxOfEnvelope[e] as number, get(w, AT.slot))
  storeBatch(rules, w, rules.setting.relayOfEnvelope[e] as number, true)
}

/** Depositor.deposit: seals for the slot of now and takes note of the wake-up to come. */
function seal(rules: Rules, w: World, e: number): void {
  w[AT.phase + e] = PHASE.asked
  w[AT.bucket + e] = bucketOf(rules.setting.mailboxOfEnvelope[e] as number, get(w, AT.slot))
  expectWake(rules, w, e)
  if (rules.mutation === 'acknowledged before stored') w[AT.isOwed + e] = 1
}

/** DeliverySession.open: listens from now on, and claims. */
function open(rules: Rules, w: World, c: number): void {
  w[AT.opensLeft] = get(w, AT.opensLeft) - 1
  w[AT.incarnation + c] = freeIncarnation(w, c)
  if (rules.mutation === 'read before subscribe') {
    w[AT.session + c] = SESSION.early
    look(w, c)
  } else claim(w, c)
}

function claim(w: World, c: number): void {
  w[AT.session + c] = SESSION.claimed
  for (let e = 0; e < ENVELOPES; e++) {
    if (get(w, AT.acknowledged + e) === ACKNOWLEDGED.erasureConfirmed)
      w[AT.erasedBefore + c] = get(w, AT.erasedBefore + c) | (1 << e)
  }
  publish(w, MESSAGE.claim, sessionId(w, c))
}

function acknowledgements(rules: Rules, w: World, c: number, take: Take): void {
  const { setting } = rules
  const isAtOnce = rules.isReduced && setting.window >= ENVELOPES
  for (let e = 0; e < ENVELOPES; e++) {
    if (rules.setting.mailboxOfConnection[c] !== rules.setting.mailboxOfEnvelope[e]) continue
    if (isAtOnce && isLaneBusy(rules, w, rules.setting.relayOfConnection[c] as number)) return
    const isNew = hasBit(get(w, AT.outstanding + c), e)
    if (isNew && setting.acknowledgesInOrder && nextAfter(w, get(w, AT.outstanding + c), 0) !== e) continue
    if (!isNew && (get(w, AT.repeatsLeft) === 0 || get(w, AT.acknowledged + e) === ACKNOWLEDGED.no)) continue
    take(`connection ${c} acknowledges ${e}${isNew ? '' : ' again'}`, (next) => {
      if (!isNew) next[AT.repeatsLeft] = get(next, AT.repeatsLeft) - 1
      acknowledgeOne(rules, next, c, e)
      if (isAtOnce) eraseBatch(rules, next, rules.setting.relayOfConnection[c] as number)
    })
  }
  if (!isAtOnce || countOf(get(w, AT.outstanding + c)) < 2) return
  take(`connection ${c} acknowledges all`, (next) => {
    for (let e = 0; e < ENVELOPES; e++) if (hasBit(get(next, AT.outstanding + c), e)) acknowledgeOne(rules, next, c, e)
    eraseBatch(rules, next, rules.setting.relayOfConnection[c] as number)
  })
}

function acknowledgeOne(rules: Rules, w: World, c: number, e: number): void {
  if (get(w, AT.acknowledged + e) === ACKNOWLEDGED.no) w[AT.acknowledged + e] = ACKNOWLEDGED.yes
  w[AT.isOwed + e] = 0
  acknowledge(rules, w, c, e)
}

/** Whether a relay's batch has been carried out and not answered. */
function isLaneBusy({ setting }: Rules, w: World, relay: number): boolean {
  for (let e = 0; e < ENVELOPES; e++) {
    const phase = get(w, AT.phase + e)
    if (setting.relayOfEnvelope[e] === relay && phase >= PHASE.stored && phase < PHASE.done) return true
  }
  for (let c = 0; c < CONNECTIONS; c++)
    if (setting.relayOfConnection[c] === relay && get(w, AT.erasureDone + c) > 0) return true
  return false
}

/** What goes on by itself. Where none of these is left, all has come to rest. */
export function insideSteps(rules: Rules, w: World, take: Take): void {
  for (let relay = 0; relay < RELAYS; relay++) {
    laneSteps(rules, w, relay, take)
    if (get(w, AT.queueLength + relay) > 0) take(`relay ${relay} hears`, (next) => hear(rules, next, relay))
    if (get(w, AT.isSubscribed + relay) === 0)
      take(`relay ${relay} subscribes again`, (next) => resubscribe(rules, next, relay))
  }
  if (isBehind(w)) take('the replica confirms', (next) => catchUp(next))
  for (let c = 0; c < CONNECTIONS; c++) sessionSteps(rules, w, c, take)
}

function catchUp(w: World): void {
  replicate(w)
  for (let c = 0; c < CONNECTIONS; c++) {
    confirmErasures(w, c)
    erased(w, c)
  }
}

/** WriteLane: one batch at a time. */
function laneSteps(rules: Rules, w: World, relay: number, take: Take): void {
  const { setting, isReduced } = rules
  let [asked, answered, isWaiting] = [0, 0, false]
  for (let e = 0; e < ENVELOPES; e++) {
    if (setting.relayOfEnvelope[e] !== relay) continue
    const phase = get(w, AT.phase + e)
    if (phase === PHASE.asked || phase === PHASE.orphan) asked++
    else if (phase === PHASE.stored) isWaiting = true
    else if (phase > PHASE.stored && phase < PHASE.done) answered++
  }
  let erasures = 0
  for (let c = 0; c < CONNECTIONS; c++) {
    if (setting.relayOfConnection[c] !== relay) continue
    if (get(w, AT.erasureDone + c) > 0) isWaiting = true
    erasures |= get(w, AT.erasureAsked + c)
  }
  if (answered > 0 && !isWaiting) {
    take(`relay ${relay} hears what was stored`, (next) => takeOutcomes(rules, next, relay, true))
    take(`relay ${relay} hears what was stored, with no room to push`, (next) =>
      takeOutcomes(rules, next, relay, false),
    )
  }
  if (isWaiting || answered > 0) return
  if (asked > 0) {
    const step = `the store takes what relay ${relay} has`
    take(step, (next) => storeBatch(rules, next, relay, true))
    if (!isReduced) take(`${step}, numbered above`, (next) => storeBatch(rules, next, relay, false))
  }
  if (erasures > 0) take(`the store erases for relay ${relay}`, (next) => eraseBatch(rules, next, relay))
}

export function takeOutcomes(rules: Rules, w: World, relay: number, mayPush: boolean): void {
  for (let e = 0; e < ENVELOPES; e++) if (rules.setting.relayOfEnvelope[e] === relay) takeRefusal(rules, w, e)
  for (let e = 0; e < ENVELOPES; e++) {
    if (rules.setting.relayOfEnvelope[e] !== relay || get(w, AT.phase + e) !== PHASE.confirmed) continue
    w[AT.phase + e] = PHASE.done
    ownStored(rules, w, e, mayPush)
  }
}

function takeRefusal(rules: Rules, w: World, e: number): void {
  const phase = get(w, AT.phase + e)
  if (phase !== PHASE.full && phase !== PHASE.misfit) return
  ownRefused(rules, w, e)
  if (phase === PHASE.misfit && get(w, AT.slot) < SLOTS) seal(rules, w, e)
  else w[AT.phase + e] = PHASE.done
}

// What is read is on its way to the replica: Redis writes to both in one turn.
export function readFor(rules: Rules, w: World, c: number): void {
  read(rules, w, c)
  if ((get(w, AT.pageEnvelopes + c) & ~get(w, AT.replicaHeld)) !== 0) catchUp(w)
}

function sessionSteps(rules: Rules, w: World, c: number, take: Take): void {
  const phase = get(w, AT.session + c)
  if (get(w, AT.isLooking + c) > 0) take(`the store looks for ${c}`, (next) => takeLook(rules, next, c))
  if (phase === SESSION.early && get(w, AT.isLooking + c) === 0)
    take(`connection ${c} claims`, (next) => claim(next, c))
  if (get(w, AT.readStage + c) === READ.asked) {
    take(`the store reads for ${c}`, (next) => readFor(rules, next, c))
  }
  if (get(w, AT.readStage + c) === READ.read) take(`the page comes for ${c}`, (next) => takePage(rules, next, c))
}

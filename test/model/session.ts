import { exists, nextAfter } from './store.ts'
import {
  AT,
  bucketOf,
  countOf,
  ENVELOPES,
  get,
  hasBit,
  hasExpired,
  READ,
  type Rules,
  SESSION,
  SLOTS,
  slotOf,
  Violation,
  type World,
} from './world.ts'

/** What src/mailbox/delivery.ts and backlog.ts do, in steps of the model. [protocol §5] */

const cell = (field: number, c: number, slot: number): number => field + c * SLOTS + slot

export function isOpen(w: World, c: number): boolean {
  return get(w, AT.session + c) === SESSION.open
}

function isReading(w: World, c: number, slot: number): boolean {
  return get(w, AT.readStage + c) !== READ.none && get(w, AT.readSlot + c) === slot
}

function isAnyIn(w: World, envelopes: number, slot: number): boolean {
  for (let e = 0; e < ENVELOPES; e++) if (hasBit(envelopes, e) && slotOf(get(w, AT.bucket + e)) === slot) return true
  return false
}

/** Whether the session has sent envelopes of a bucket, or read or marked it, or waits for an erasure in it. */
function isBusy(w: World, c: number, slot: number): boolean {
  if (get(w, cell(AT.isDirty, c, slot)) > 0 || isReading(w, c, slot)) return true
  return isAnyIn(w, get(w, AT.outstanding + c) | get(w, AT.erasureTracked + c), slot)
}

/** Backlog.find: whether the session has anything in mind of a bucket. */
function isKnown(w: World, c: number, slot: number): boolean {
  return get(w, cell(AT.cursorBase, c, slot)) > 0 || isBusy(w, c, slot)
}

/** Backlog.settle: forgets a bucket of which nothing is in the session's hands. */
function settle(w: World, c: number, slot: number): void {
  if (isBusy(w, c, slot)) return
  w[cell(AT.cursorBase, c, slot)] = 0
  w[cell(AT.cursorLast, c, slot)] = 0
}

/** Asks the store for the next bucket of which more may wait, if there is room and no other read is under way. */
export function pump(rules: Rules, w: World, c: number): void {
  if (!isOpen(w, c) || get(w, AT.readStage + c) !== READ.none) return
  if (countOf(get(w, AT.outstanding + c)) >= rules.setting.window) return
  for (let slot = 0; slot < SLOTS; slot++) {
    if (get(w, cell(AT.isDirty, c, slot)) === 0) continue
    w[cell(AT.isDirty, c, slot)] = 0
    w[AT.readStage + c] = READ.asked
    w[AT.readSlot + c] = slot
    return
  }
}

/** Delivery.wake. */
export function wake(rules: Rules, w: World, c: number, slot: number): void {
  w[cell(AT.isDirty, c, slot)] = 1
  pump(rules, w, c)
}

/** Delivery.look: gives up what has expired, and surveys. */
export function look(w: World, c: number): void {
  for (let e = 0; e < ENVELOPES; e++) {
    if (hasExpired(w, get(w, AT.bucket + e))) w[AT.outstanding + c] = get(w, AT.outstanding + c) & ~(1 << e)
  }
  if (hasExpired(w, 0)) {
    w[cell(AT.isDirty, c, 0)] = 0
    w[cell(AT.cursorBase, c, 0)] = 0
    w[cell(AT.cursorLast, c, 0)] = 0
  }
  w[AT.isLooking + c] = 1
}

/** The store is surveyed and its answer comes. */
export function takeLook(rules: Rules, w: World, c: number): void {
  w[AT.isLooking + c] = 0
  for (let slot = 0; slot < SLOTS; slot++) {
    const bucket = bucketOf(rules.setting.mailboxOfConnection[c] as number, slot)
    if (exists(w, bucket)) w[cell(AT.isDirty, c, slot)] = 1
  }
  pump(rules, w, c)
}

function send({ setting }: Rules, w: World, c: number, e: number): void {
  if (setting.mailboxOfConnection[c] !== setting.mailboxOfEnvelope[e]) {
    throw new Violation(`envelope ${e} is given to another mailbox`)
  }
  if (hasBit(get(w, AT.erasedBefore + c), e)) {
    throw new Violation(`envelope ${e} comes back after its erasure was confirmed and the mailbox opened anew`)
  }
  if (hasBit(get(w, AT.outstanding + c), e)) throw new Violation(`envelope ${e} is sent twice to one session`)
  for (let other = 0; other < ENVELOPES; other++) {
    const isLater =
      hasBit(get(w, AT.outstanding + c), other) &&
      get(w, AT.base + other) === get(w, AT.base + e) &&
      get(w, AT.bucket + other) === get(w, AT.bucket + e) &&
      get(w, AT.seq + other) > get(w, AT.seq + e)
    if (isLater) throw new Violation(`envelope ${e} comes after ${other}, which was deposited later`)
  }
  w[AT.outstanding + c] = get(w, AT.outstanding + c) | (1 << e)
}

/** Delivery.handOver: this relay has just stored an envelope and has it in hand. @returns whether it was taken */
export function handOver(rules: Rules, w: World, c: number, e: number, mayPush: boolean): boolean {
  if (!isOpen(w, c)) return false
  const { mutation } = rules
  const slot = slotOf(get(w, AT.bucket + e))
  const seq = get(w, AT.seq + e)
  const isFirst = get(w, AT.base + e) === seq
  const base = get(w, cell(AT.cursorBase, c, slot))
  const last = get(w, cell(AT.cursorLast, c, slot))
  if (base > 0 && base <= seq && seq <= last && (!isFirst || base === seq)) return false
  const isNext = base === 0 ? isFirst : last === seq - 1 || (isFirst && mutation === 'first ones move the cursor')
  if (!isNext || !mayPush || !canPush(rules, w, c)) {
    wake(rules, w, c, slot)
    return false
  }
  w[cell(AT.cursorBase, c, slot)] = isFirst ? seq : base
  w[cell(AT.cursorLast, c, slot)] = seq
  send(rules, w, c, e)
  return true
}

function canPush({ setting, mutation }: Rules, w: World, c: number): boolean {
  if (get(w, AT.isLooking + c) > 0 || countOf(get(w, AT.outstanding + c)) >= setting.window) return false
  if (mutation === 'pushed while a page is under way') return true
  for (let slot = 0; slot < SLOTS; slot++) if (get(w, cell(AT.isDirty, c, slot)) > 0) return false
  return get(w, AT.readStage + c) === READ.none
}

/** A page that was read arrives. */
export function takePage(rules: Rules, w: World, c: number): void {
  const [slot, base, page] = [get(w, AT.readSlot + c), get(w, AT.pageBase + c), get(w, AT.pageEnvelopes + c)]
  if (get(w, AT.pageHasMore + c) > 0) w[cell(AT.isDirty, c, slot)] = 1
  dropRead(w, c)
  for (let e = nextAfter(w, page, 0); e >= 0; e = nextAfter(w, page, get(w, AT.seq + e))) {
    w[cell(AT.cursorBase, c, slot)] = base
    w[cell(AT.cursorLast, c, slot)] = get(w, AT.seq + e)
    send(rules, w, c, e)
  }
  settle(w, c, slot)
  pump(rules, w, c)
  if (rules.mutation === 'early delete') w[AT.erasureAsked + c] = get(w, AT.erasureAsked + c) | page
}

/** Delivery.acknowledge. An envelope that has expired needs no erasure. */
export function acknowledge(rules: Rules, w: World, c: number, e: number): void {
  const slot = slotOf(get(w, AT.bucket + e))
  const isTracked = isKnown(w, c, slot)
  w[AT.outstanding + c] = get(w, AT.outstanding + c) & ~(1 << e)
  if (hasExpired(w, get(w, AT.bucket + e))) settle(w, c, slot)
  else {
    w[AT.erasureAsked + c] = get(w, AT.erasureAsked + c) | (1 << e)
    if (isTracked) w[AT.erasureTracked + c] = get(w, AT.erasureTracked + c) | (1 << e)
  }
  pump(rules, w, c)
}

/** Erasures are confirmed. */
export function erased(w: World, c: number): void {
  const done = get(w, AT.erasureDone + c)
  if (done === 0) return
  w[AT.erasureDone + c] = 0
  // Acknowledged again meanwhile: the session waits for that erasure too.
  w[AT.erasureTracked + c] = get(w, AT.erasureTracked + c) & (~done | get(w, AT.erasureAsked + c))
  if (isOpen(w, c)) for (let slot = 0; slot < SLOTS; slot++) if (isAnyIn(w, done, slot)) settle(w, c, slot)
}

/** A read that was not answered failed, and will be asked again. */
export function failRead(w: World, c: number): void {
  if (get(w, AT.readStage + c) === READ.none) return
  w[cell(AT.isDirty, c, get(w, AT.readSlot + c))] = 1
  dropRead(w, c)
}

/** Erasures failed, and are asked for again as long as their session lasts. */
export function failErasures(w: World, c: number): void {
  const erasures = get(w, AT.erasureAsked + c) | get(w, AT.erasureDone + c)
  w[AT.erasureDone + c] = 0
  w[AT.erasureAsked + c] = isOpen(w, c) ? erasures : 0
}

function dropRead(w: World, c: number): void {
  for (const field of [AT.readStage, AT.readSlot, AT.pageBase, AT.pageEnvelopes, AT.pageHasMore]) w[field + c] = 0
}

/** Everything a session has in mind goes with it; erasures that were asked for go on. */
export function forget(w: World, c: number): void {
  dropRead(w, c)
  for (const field of [AT.cursorBase, AT.cursorLast, AT.isDirty]) w.fill(0, cell(field, c, 0), cell(field, c, SLOTS))
  for (const field of [AT.session, AT.incarnation, AT.isAsking, AT.isLooking, AT.outstanding]) w[field + c] = 0
  w[AT.erasureTracked + c] = 0
  w[AT.erasedBefore + c] = 0
}

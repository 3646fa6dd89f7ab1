import { AT, get, QUEUE_LENGTH, RELAYS, type World } from './world.ts'

/** What goes over the wake-up channel: in one order to all relays that are subscribed, each hearing it in its own time. */

/** Sessions of one connection that messages under way may speak of. */
const INCARNATIONS = 3

export const MESSAGE = { wake: 0, claim: 1, question: 2, answer: 3 } as const

/** Messages are numbers above zero. */
const messageOf = (kind: number, about: number): number => 1 + kind * 8 + about
export const kindOf = (message: number): number => (message - 1) >> 3
/** A bucket or a session. */
export const aboutOf = (message: number): number => (message - 1) & 7

export const sessionId = (w: World, c: number): number => c * INCARNATIONS + get(w, AT.incarnation + c)
export const connectionOf = (session: number): number => (session / INCARNATIONS) | 0

/** Sends a message to every relay that is subscribed. */
export function publish(w: World, kind: number, about: number): void {
  for (let relay = 0; relay < RELAYS; relay++) {
    if (get(w, AT.isSubscribed + relay) === 0) continue
    const length = get(w, AT.queueLength + relay)
    if (length === QUEUE_LENGTH) throw new Error('the model has too few places for messages')
    w[AT.queue + relay * QUEUE_LENGTH + length] = messageOf(kind, about)
    w[AT.queueLength + relay] = length + 1
  }
}

/** Takes the message that a relay hears next. */
export function takeMessage(w: World, relay: number): number {
  const message = get(w, AT.queue + relay * QUEUE_LENGTH)
  keepMessages(w, relay, (_, i) => i > 0)
  return message
}

export function keepMessages(w: World, relay: number, isKept: (message: number, i: number) => boolean): void {
  const begin = AT.queue + relay * QUEUE_LENGTH
  const length = get(w, AT.queueLength + relay)
  let kept = 0
  for (let i = 0; i < length; i++) {
    const message = get(w, begin + i)
    if (isKept(message, i)) w[begin + kept++] = message
  }
  w.fill(0, begin + kept, begin + length)
  w[AT.queueLength + relay] = kept
}

export function dropMessages(w: World, relay: number): void {
  keepMessages(w, relay, () => false)
}

/** A number for a session that is about to begin, of which no message under way speaks. */
export function freeIncarnation(w: World, c: number): number {
  for (let i = 0; i < INCARNATIONS; i++) if (!isSpokenOf(w, c * INCARNATIONS + i)) return i
  throw new Error('the model has too few numbers for sessions')
}

function isSpokenOf(w: World, session: number): boolean {
  for (let relay = 0; relay < RELAYS; relay++) {
    if (hasMessage(w, relay, (message) => kindOf(message) !== MESSAGE.wake && aboutOf(message) === session)) return true
  }
  return false
}

export function hasMessage(w: World, relay: number, isMeant: (message: number) => boolean): boolean {
  const begin = AT.queue + relay * QUEUE_LENGTH
  for (let i = begin; i < begin + get(w, AT.queueLength + relay); i++) if (isMeant(get(w, i))) return true
  return false
}

export function isQuestionUnderWay(w: World): boolean {
  for (let relay = 0; relay < RELAYS; relay++) {
    if (hasMessage(w, relay, (message) => kindOf(message) === MESSAGE.question)) return true
  }
  return false
}

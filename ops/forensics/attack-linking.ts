import { createHash } from 'node:crypto'
import { bucketOf, deriveQueue } from '../../src/mailbox/sealing.ts'
import { TTL_CLASSES } from '../../src/protocol/retention.ts'
import { bucketKey } from '../../src/store/redis/keys.ts'
import type { BackloggedDeposit } from './backlog.ts'
import { ENVELOPE_BYTES, type Truth } from './layout.ts'
import type { Observed } from './observe.ts'
import { plainKey } from './plain-layout.ts'
import { luckyHits } from './statistics.ts'

/** An attack that names for each of some addresses a stream as its own. */
export interface LinkingResult {
  readonly addresses: number
  readonly streams: number
  /** Addresses for which it was right. */
  readonly hits: number
  /** How many are right if streams are drawn at random. */
  readonly byChance: number
  /** The most that luck brings with a chance of one in a million. */
  readonly mostByLuck: number
}

/** Secrets that somebody who does not know the right one would try first. */
const GUESSES = ['', '\0'.repeat(32), 'lethe', 'secret'].map((guess) => Buffer.from(guess))

/**
 * Ties streams of a Lethe store to addresses that are known, without storeSecret: first by computing names under guessed
 * secrets, which would be certain; where none fits, by putting the two lists in order and holding them side by side.
 */
export function linkLethe(
  observed: readonly Observed[],
  truth: Truth,
  addresses: readonly Buffer[],
  guesses: readonly Uint8Array[] = GUESSES,
): LinkingResult {
  const keys = new Set(observed.map(({ key }) => key))
  const expiries = new Set(observed.map(({ expiresAt }) => expiresAt as number))
  const wanted = addressesWith(truth)
  const byHash = [...wanted].sort((a, b) => digest(addresses, a).compare(digest(addresses, b)))
  const byName = [...keys].sort((a, b) => (tagOf(a) < tagOf(b) ? -1 : 1))
  let hits = 0
  for (const [place, mailbox] of byHash.entries()) {
    const address = addresses[mailbox] as Buffer
    const names = [...guesses, address].flatMap((secret) => [...namesUnder(secret, address, expiries)])
    const sure = names.find((name) => keys.has(name))
    const guess = sure ?? (byName[Math.floor((place * byName.length) / byHash.length)] as string)
    if (truth.get(guess)?.mailbox === mailbox) hits++
  }
  return resultOf(hits, wanted, observed, truth)
}

/** The same of the plain layout: the name is computed from the address and looked up. */
export function linkPlain(observed: readonly Observed[], truth: Truth, addresses: readonly Buffer[]): LinkingResult {
  const keys = new Set(observed.map(({ key }) => key))
  const wanted = addressesWith(truth)
  const hits = [...wanted].filter((mailbox) => {
    const key = plainKey(addresses[mailbox] as Buffer)
    return keys.has(key) && truth.get(key)?.mailbox === mailbox
  })
  return resultOf(hits.length, wanted, observed, truth)
}

function* namesUnder(secret: Uint8Array, address: Buffer, expiries: ReadonlySet<number>): Generator<string> {
  const queue = deriveQueue(secret, address)
  for (const expiresAt of expiries) {
    for (const classIndex of TTL_CLASSES.keys()) {
      if (expiresAt % ((TTL_CLASSES[classIndex] as number) / 6) !== 0) continue
      for (const sizeIndex of ENVELOPE_BYTES.keys()) {
        yield bucketKey(bucketOf(queue, sizeIndex, classIndex, expiresAt))
      }
    }
  }
}

function addressesWith(truth: Truth): Set<number> {
  return new Set([...truth.values()].map(({ mailbox }) => mailbox))
}

function digest(addresses: readonly Buffer[], mailbox: number): Buffer {
  return createHash('sha256')
    .update(addresses[mailbox] as Buffer)
    .digest()
}

function tagOf(key: string): string {
  return key.slice(key.lastIndexOf(':') + 1)
}

function resultOf(
  hits: number,
  wanted: ReadonlySet<number>,
  observed: readonly Observed[],
  truth: Truth,
): LinkingResult {
  // Each address is right with as many streams as are its own, so that all together expect one for each stream.
  const byChance = truth.size / observed.length
  return { addresses: wanted.size, streams: observed.length, hits, byChance, mostByLuck: luckyHits(byChance) }
}

/** An attack that says of pairs of buckets that they are one mailbox's. */
export interface JoiningResult {
  /** Pairs of buckets of one mailbox. */
  readonly pairs: number
  /** Pairs that the attack names. */
  readonly named: number
  /** Those of them that are right. */
  readonly right: number
}

/** Joins the buckets that share a partition, which all buckets of one mailbox do: the hash tag is in the key. */
export function joinByPartition(observed: readonly Observed[], truth: Truth): JoiningResult {
  return judgePairs(
    truth,
    groupBy(observed, ({ key }) => /\{(\w+)\}/.exec(key)?.[1] ?? ''),
  )
}

/** Joins the buckets that were deposited to under one wakeTag, as the backlog and wake-ups show. */
export function joinByWakeTag(deposits: readonly BackloggedDeposit[], truth: Truth): JoiningResult {
  const known = deposits.filter(({ key }) => truth.has(key))
  return judgePairs(
    truth,
    groupBy(known, ({ wakeTag }) => wakeTag),
  )
}

function groupBy<T extends { key: string }>(items: readonly T[], nameOf: (item: T) => string): Set<string>[] {
  const groups = new Map<string, Set<string>>()
  for (const item of items) groups.set(nameOf(item), (groups.get(nameOf(item)) ?? new Set()).add(item.key))
  return [...groups.values()]
}

function judgePairs(truth: Truth, groups: readonly ReadonlySet<string>[]): JoiningResult {
  const perMailbox = new Map<number, number>()
  for (const { mailbox } of truth.values()) perMailbox.set(mailbox, (perMailbox.get(mailbox) ?? 0) + 1)
  let [named, right] = [0, 0]
  for (const group of groups) {
    const mailboxes = [...group].map((key) => truth.get(key)?.mailbox)
    for (const [i, mailbox] of mailboxes.entries()) {
      for (const other of mailboxes.slice(i + 1)) {
        named++
        if (mailbox === other) right++
      }
    }
  }
  const pairs = [...perMailbox.values()].reduce((sum, count) => sum + (count * (count - 1)) / 2, 0)
  return { pairs, named, right }
}

import { BlockList, isIPv4 } from 'node:net'
import { type Admission, type Allowance, type Peer, UNLIMITED } from '../mailbox/admission.ts'
import type { Clock, RandomSource } from '../mailbox/ports.ts'
import { type AllowanceParts, ClientAllowance, type OnLimited } from './client-allowance.ts'
import { addressOf, parseAddress, prefixOf } from './client-prefix.ts'
import { type Place, PrefixBuckets } from './prefix-buckets.ts'
import { Ticks } from './ticks.ts'
import { type BucketShape, bucketShape, TokenBucket } from './token-bucket.ts'

export interface LimitedAdmissionOptions {
  readonly connectionBytesPerSecond: number
  readonly prefixBytesPerSecond: number
  /** As `address/length`: who is not limited. */
  readonly exempt: readonly string[]
  /** As `address/length`: whose word counts on where a request comes from. */
  readonly proxies: readonly string[]
  readonly clock: Clock
  readonly random: RandomSource
  readonly onLimited: OnLimited
}

/** In place of an allowance: the connection is many clients'. */
const PROXY = 'proxy'
/** More names than this in one header are made up. */
const MAX_FORWARDED = 32

/**
 * LETHE_ADMISSION=limited: token buckets for each connection and for each address prefix. Addresses are looked at when a
 * connection or a proxy's request begins, and kept nowhere.
 */
export class LimitedAdmission implements Admission {
  readonly #ticks: Ticks
  readonly #prefixes: PrefixBuckets
  readonly #parts: AllowanceParts
  readonly #ownShape: BucketShape
  readonly #exempt: BlockList
  readonly #proxies: BlockList
  /** Of each connection. */
  readonly #allowances = new WeakMap<Peer, Allowance | typeof PROXY>()

  constructor(options: LimitedAdmissionOptions) {
    const { connectionBytesPerSecond, prefixBytesPerSecond, clock, random } = options
    this.#ticks = new Ticks(clock)
    this.#prefixes = new PrefixBuckets(bucketShape(prefixBytesPerSecond), this.#ticks, clock, random)
    this.#ownShape = bucketShape(connectionBytesPerSecond)
    this.#parts = { ...options, prefixes: this.#prefixes }
    this.#exempt = listOf(options.exempt)
    this.#proxies = listOf(options.proxies)
  }

  connect(peer: Peer, costBytes: number): boolean {
    const allowance = this.#allowanceOfPeer(peer)
    if (!(allowance instanceof ClientAllowance)) return true
    if (allowance.isExhausted) {
      this.#parts.onLimited('prefix')
      return false
    }
    allowance.charge(costBytes)
    return true
  }

  allowanceOf(peer: Peer, forwardedFor: string | undefined): Allowance {
    const allowance = this.#allowanceOfPeer(peer)
    if (allowance !== PROXY) return allowance
    const address = this.#lastForeign(forwardedFor) ?? addressOf(peer)
    if (address === undefined || contains(this.#exempt, address)) return UNLIMITED
    // A socket through a proxy stays charged where its client was placed at first, since the address is not kept.
    const place = this.#prefixes.place(prefixOf(address))
    return this.#limited(() => place)
  }

  stop(): void {
    this.#ticks.stop()
    this.#prefixes.stop()
  }

  #allowanceOfPeer(peer: Peer): Allowance | typeof PROXY {
    const known = this.#allowances.get(peer)
    if (known !== undefined) return known
    const address = addressOf(peer)
    const found = address === undefined ? this.#limited(() => undefined) : this.#judge(peer, address)
    this.#allowances.set(peer, found)
    return found
  }

  #judge(peer: Peer, address: string): Allowance | typeof PROXY {
    if (contains(this.#proxies, address)) return PROXY
    if (contains(this.#exempt, address)) return UNLIMITED
    return this.#limited(() => {
      const current = addressOf(peer)
      return current === undefined ? undefined : this.#prefixes.place(prefixOf(current))
    })
  }

  #limited(locate: () => Place | undefined): ClientAllowance {
    return new ClientAllowance(this.#parts, new TokenBucket(this.#ownShape, this.#ticks), locate)
  }

  /** Each proxy adds at the end whom it was asked by, so that only what trusted ones have added counts. */
  #lastForeign(forwardedFor = ''): string | undefined {
    const names = forwardedFor.split(',', MAX_FORWARDED + 1)
    if (names.length > MAX_FORWARDED) return undefined
    for (const name of names.reverse()) {
      const address = parseAddress(name)
      if (address === undefined || !contains(this.#proxies, address)) return address
    }
    return undefined
  }
}

function listOf(prefixes: readonly string[]): BlockList {
  const list = new BlockList()
  for (const prefix of prefixes) {
    const [address = '', length] = prefix.split('/')
    list.addSubnet(address, Number(length), familyOf(address))
  }
  return list
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}

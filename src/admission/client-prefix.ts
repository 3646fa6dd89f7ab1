import { isIPv4, isIPv6 } from 'node:net'
import type { Peer } from '../mailbox/admission.ts'

const IPV4_IN_IPV6 = /^::ffff:([\d.]+)$/i
/** Bytes of an address that tell clients apart: /24 and /56. */
const IPV4_PREFIX_BYTES = 3
const IPV6_PREFIX_BYTES = 7

/** An IP address without zone, an IPv4 address in its own form; undefined for what is none. */
export function parseAddress(text: string): string | undefined {
  const [address = ''] = text.trim().split('%', 1)
  const ipv4 = IPV4_IN_IPV6.exec(address)?.[1] ?? address
  return isIPv4(ipv4) || isIPv6(ipv4) ? ipv4 : undefined
}

/** The address of a connection, which neither this program nor Node then keeps. */
export function addressOf(peer: Peer): string | undefined {
  const text = peer.remoteAddress
  // Node keeps the answer in the socket for as long as it lasts. The kernel can be asked again.
  ;(peer as { _peername?: unknown })._peername = undefined
  return text === undefined ? undefined : parseAddress(text)
}

/** @param address as `parseAddress` gives it. @returns its /24 as 3 bytes, or its /56 as 7 */
export function prefixOf(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.', IPV4_PREFIX_BYTES), Number)
  // Whatever ends in an IPv4 address is longer than its prefix needs; those digits stand for two groups of the end.
  const [before = '', after] = address.replace(/(?<=:)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/, '0:0').split('::')
  const head = groupsOf(before)
  const tail = groupsOf(after ?? '')
  const groups = [...head, ...Array(8 - head.length - tail.length).fill(0), ...tail] as number[]
  return Uint8Array.from({ length: IPV6_PREFIX_BYTES }, (_, i) => {
    const group = groups[i >> 1] as number
    return i % 2 === 0 ? group >> 8 : group & 0xff
  })
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

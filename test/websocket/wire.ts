interface WireFrame {
  /** FIN, the reserved bits and the opcode. */
  readonly first: number
  readonly payload: Uint8Array
  /** Four bytes; without them the frame is not masked. */
  readonly mask?: Uint8Array | undefined
  /** In how many bytes the length is written, where it is more than it needs. */
  readonly lengthBytes?: number
}

/** A frame as it is on the wire, right or wrong. [RFC6455-5.2] */
export function wireFrame({ first, payload, mask, lengthBytes = 0 }: WireFrame): Buffer {
  const { length } = payload
  const needed = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const long = Buffer.alloc(Math.max(needed, lengthBytes))
  if (long.length === 2) long.writeUInt16BE(length)
  if (long.length === 8) long.writeBigUInt64BE(BigInt(length))
  const short = long.length === 0 ? length : long.length === 2 ? 126 : 127
  const head = Buffer.of(first, (mask ? 0x80 : 0) | short)
  if (!mask) return Buffer.concat([head, long, payload])
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] as number))
  return Buffer.concat([head, long, mask, masked])
}

import { createHash, createHmac, getHashes } from 'node:crypto'
import { bucketsOf, deriveQueue, type Queue } from '../../src/mailbox/sealing.ts'
import { SIZES } from './disclose-setup.ts'

/**
 * What somebody can compute who knows the address and the whole software, but no secret: its own derivation under every
 * secret that is no secret, and hashes of address and key with all that a name is made of.
 */
export function* digestsOf(known: readonly Uint8Array[], now: number): Generator<Buffer> {
  const [address, publicKey] = known as [Uint8Array, Uint8Array]
  const noSecrets = [
    address,
    publicKey,
    Buffer.alloc(0),
    Buffer.alloc(32),
    Buffer.alloc(32, 0xff),
    Buffer.from('lethe'),
  ]
  for (const secret of noSecrets) {
    for (const one of known) {
      const queue = deriveQueue(secret, one)
      yield Buffer.concat([queue.queueId, queue.sealKey, queue.idKey])
      for (const { tag } of bucketsOf(queue, 8, now)) yield Buffer.from(tag)
    }
  }
  const bare = { queueId: address.subarray(0, 16), partition: 0 } as Queue
  const suffixes = bucketsOf(bare, SIZES.length, now).map(({ sizeIndex, classIndex, expiresAt }) => {
    const suffix = Buffer.from([sizeIndex, classIndex, 0, 0, 0, 0])
    suffix.writeUInt32BE(expiresAt, 2)
    return suffix
  })
  const labels = ['', 'lethe/v1 address\0', 'lethe/v1 queue\0', 'lethe/v1 bucket\0', 'lethe/v1 wake\0']
  for (const name of ['md5', 'sha1', 'sha256', 'sha512', 'sha3-256', 'blake2b512'].filter((hash) =>
    getHashes().includes(hash),
  )) {
    for (const one of [address, publicKey, address.subarray(0, 16), publicKey.subarray(0, 16)]) {
      for (const label of labels) {
        for (const suffix of [Buffer.alloc(0), ...suffixes]) {
          yield createHash(name).update(label).update(one).update(suffix).digest()
          yield createHmac(name, one).update(label).update(suffix).digest()
        }
      }
    }
  }
}

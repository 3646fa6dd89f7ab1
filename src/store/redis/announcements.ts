import type { Announcement, Bucket, QueueName, StoreListener } from '../../mailbox/mailbox-store.ts'

/**
 * What goes over a wake-up channel, all of it forgotten by Redis at once: [protocol §8]
 *
 *     wake      0x01 ‖ wakeTag[16] ‖ sizeIndex u8 ‖ classIndex u8 ‖ expiresAt u32
 *     claim     0x02 ‖ wakeTag[16] ‖ session[8]
 *     question  0x03 ‖ wakeTag[16] ‖ session[8]
 *     answer    0x04 ‖ wakeTag[16] ‖ session[8]
 */
const TYPE = { wake: 1, claim: 2, question: 3, answer: 4 } as const
const KINDS = new Map<number | undefined, Announcement['kind']>([
  [TYPE.claim, 'claim'],
  [TYPE.question, 'question'],
  [TYPE.answer, 'answer'],
])

const TAG_END = 17
const WAKE_BYTES = TAG_END + 6
const ANNOUNCEMENT_BYTES = TAG_END + 8

export function encodeWake(queue: QueueName, bucket: Bucket): Buffer {
  const message = Buffer.allocUnsafe(WAKE_BYTES)
  message[0] = TYPE.wake
  message.set(queue.wakeTag, 1)
  message[TAG_END] = bucket.sizeIndex
  message[TAG_END + 1] = bucket.classIndex
  message.writeUInt32BE(bucket.expiresAt, TAG_END + 2)
  return message
}

export function encodeAnnouncement(queue: QueueName, { kind, session }: Announcement): Buffer {
  return Buffer.concat([Uint8Array.of(TYPE[kind]), queue.wakeTag, session], ANNOUNCEMENT_BYTES)
}

/** Tells the listener what a message says; one that no relay of this version sends is passed over. */
export function dispatchMessage(message: Buffer, listener: StoreListener): void {
  const type = message[0]
  const wakeKey = message.toString('latin1', 1, TAG_END)
  if (type === TYPE.wake && message.length === WAKE_BYTES) {
    const sizeIndex = message[TAG_END] as number
    const classIndex = message[TAG_END + 1] as number
    listener.wake(wakeKey, sizeIndex, classIndex, message.readUInt32BE(TAG_END + 2))
    return
  }
  const kind = KINDS.get(type)
  if (kind && message.length === ANNOUNCEMENT_BYTES) {
    listener.announced(wakeKey, kind, message.toString('latin1', TAG_END))
  }
}

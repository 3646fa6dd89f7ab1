import assert from 'node:assert/strict'
import { UNLIMITED } from '../../src/mailbox/admission.ts'
import { type FrameSocket, MailboxConnection } from '../../src/mailbox/mailbox-connection.ts'
import type { CloseCode } from '../../src/protocol/errors.ts'
import {
  ENVELOPE_HEADER_BYTES,
  type MailboxReply,
  parseMailboxReply,
  parseMailboxRequest,
} from '../../src/protocol/mailbox-frames.ts'
import { ackFrame, closeFrame, type Mailbox, openFrame, openSignature } from '../conformance/client.ts'
import { type Accepted, type Bench, ORIGIN, POLICY } from './connection-bench.ts'

/** Less than one turn of large envelopes, so that there often is no room. */
const SOCKET_BYTES = 900
const IDLE_MS = 10_000
const ERROR = { signature: 5, storeUnavailable: 8, tooManyChannels: 12 } as const

/** What a client may know of one of its channels. */
interface Channel {
  readonly number: number
  readonly mailbox: Mailbox
  readonly isProven: boolean
  /** `left`: the client has sent CLOSE. */
  state: 'asked' | 'open' | 'left' | 'ended'
  /** What waited when it was opened. */
  atOpening: readonly Accepted[]
  /** Everything that came, by its id in hex. */
  readonly received: Map<string, Accepted>
  readonly unacknowledged: Map<string, Accepted>
  drains: number
  /** Whether there was a reason to fall behind since the last DRAINED. */
  mayBeBehind: boolean
}

/** A recipient's end of a mailbox socket, which holds everything that comes against the protocol. [protocol §5] */
export class MailboxPeer {
  readonly channels = new Map<number, Channel>()
  readonly #bench: Bench
  readonly #connection: MailboxConnection
  readonly #bornMs: number
  #nonce: Buffer | undefined
  #bufferedBytes = 0
  #reservedBytes = 0
  #bufferedEnvelopeBytes = 0
  #isHeld = false
  #isGone = false
  #closedWith: CloseCode | undefined
  #failed = 0
  #mayFail: boolean
  #mayClose: CloseCode | undefined

  constructor(bench: Bench) {
    this.#bench = bench
    this.#bornMs = bench.clock.nowMs()
    this.#mayFail = bench.store.isDown
    const socket: FrameSocket = {
      send: (frame) => bench.check(() => this.#take(frame)),
      // At once, so that whoever still needs the frame is found out.
      sendAndWipe: (room, frameOffset) => {
        const frame = room.subarray(frameOffset)
        const taken = Buffer.from(frame)
        frame.fill(0)
        bench.check(() => this.#take(taken))
      },
      close: (code) => bench.check(() => this.#close(code)),
      roomBytes: () => SOCKET_BYTES - this.#bufferedBytes - this.#reservedBytes,
      reserve: (bytes) => {
        this.#reservedBytes += bytes
      },
      hold: () => {
        this.#isHeld = true
        for (const channel of this.channels.values()) channel.mayBeBehind = true
      },
    }
    this.#connection = new MailboxConnection(bench.parts, socket, UNLIMITED)
    assert.ok(this.#nonce, 'HELLO comes at once')
  }

  get isConnected(): boolean {
    return !this.#isGone && this.#closedWith === undefined
  }

  /** Bytes that were sent and not read yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  open(number: number, mailbox: Mailbox, proof: 'good' | 'forged' | 'foreign'): void {
    const origin = proof === 'foreign' ? 'https://relay.example.net' : ORIGIN
    const signature = openSignature(mailbox, origin, this.#nonce as Buffer)
    if (proof === 'forged') signature.writeUInt8(signature.readUInt8(3) ^ 4, 3)
    this.receive(openFrame(number, mailbox.publicKey, signature), { mailbox, isProven: proof === 'good' })
  }

  /** Acknowledges ids, given in hex, on one channel. */
  ack(number: number, ids: readonly string[]): void {
    this.receive(ackFrame(number, ids))
  }

  leave(number: number): void {
    this.receive(closeFrame(number))
  }

  /** Any frame at all. `open` says what the OPEN is that it may be. */
  receive(frame: Uint8Array, open?: { mailbox: Mailbox; isProven: boolean }): void {
    if (!this.isConnected) return
    const mustClose = this.#foresee(frame, open)
    this.#connection.receive(frame)
    if (mustClose) assert.equal(this.#closedWith, 4400, 'what does not parse closes')
  }

  /** Everything that was sent is read. */
  readAll(): void {
    if (this.#bufferedBytes === 0) return
    this.#bufferedBytes = 0
    this.#bufferedEnvelopeBytes = 0
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#connection.roomAgain()
  }

  /** The connection is lost. */
  lose(): void {
    this.#isGone = true
    this.#connection.end()
  }

  /** The relay shuts down. */
  drain(): void {
    if (!this.isConnected) return
    this.#mayClose = 1001
    this.#connection.drain()
    assert.equal(this.#closedWith, 1001)
  }

  /** The store was cut off, or came back. */
  mayMiss(): void {
    this.#mayFail = true
    for (const channel of this.channels.values()) channel.mayBeBehind = true
  }

  /** Time passes: without any OPEN the relay closes, in its time and not before. */
  idle(pass: () => void): void {
    const isIdle = this.isConnected && this.channels.size === 0
    if (isIdle) this.#mayClose ??= 4408
    pass()
    const isLate = this.#bench.clock.nowMs() - this.#bornMs >= IDLE_MS
    if (isIdle) assert.equal(this.isConnected, !isLate, '10 s, not more and not less')
  }

  /** Nothing happens any more by itself: an open channel must have been sent all that it has room for. */
  checkSettled(): void {
    for (const channel of this.channels.values()) {
      if (!this.isConnected) return
      assert.notEqual(channel.state, 'asked', 'every OPEN is answered')
      if (channel.state !== 'open' || channel.unacknowledged.size >= POLICY.window) continue
      const received = new Set([...channel.received.values()].map(({ number }) => number))
      const missing = this.#bench.waiting(channel.mailbox).filter(({ number }) => !received.has(number))
      assert.deepEqual(missing, [], 'nothing waits that there is room for')
      assert.ok(channel.drains > 0, 'and it is told so')
    }
  }

  /** @returns whether the relay must close with 4400 on this frame */
  #foresee(frame: Uint8Array, open?: { mailbox: Mailbox; isProven: boolean }): boolean {
    try {
      const request = parseMailboxRequest(frame)
      const channel = this.channels.get(request.channel)
      if (request.kind === 'open') return this.#foreseeOpen(request.channel, open)
      if (request.kind === 'ack' && channel?.state === 'open') this.#acknowledged(channel, request.ids)
      if (request.kind === 'close' && channel && channel.state !== 'ended') channel.state = 'left'
      return false
    } catch {
      this.#mayClose = 4400
      return true
    }
  }

  #foreseeOpen(
    number: number,
    { mailbox, isProven } = { mailbox: this.#bench.mailboxes[0], isProven: false },
  ): boolean {
    if (this.channels.has(number)) {
      this.#mayClose = 4400
      return true
    }
    if (this.channels.size < POLICY.maxChannels) {
      const lists = { received: new Map(), unacknowledged: new Map(), atOpening: [] }
      this.channels.set(number, { number, mailbox, isProven, state: 'asked', ...lists, drains: 0, mayBeBehind: true })
    }
    return false
  }

  #acknowledged(channel: Channel, ids: Uint8Array): void {
    for (let at = 0; at < ids.length; at += 16) {
      const id = Buffer.from(ids.subarray(at, at + 16)).toString('hex')
      channel.unacknowledged.delete(id)
      const named = this.#bench.named.get(id)
      if (named?.mailbox !== channel.mailbox) continue
      named.mayComeAgain ||= !named.isAcknowledged && this.#bench.store.isDown
      named.isAcknowledged = true
    }
  }

  #take(frame: Uint8Array): void {
    assert.ok(this.isConnected, 'nothing is sent after the end')
    this.#bufferedBytes += frame.length
    const reply = parseMailboxReply(frame)
    if (reply.kind === 'hello') {
      assert.equal(this.#nonce, undefined, 'HELLO comes once')
      this.#nonce = Buffer.from(reply.nonce)
      return
    }
    assert.ok(this.#nonce, 'HELLO comes first')
    const channel = this.channels.get(reply.channel)
    if (channel) this.#heard(channel, reply)
    else assert.equal(reply.kind === 'error' && reply.number, ERROR.tooManyChannels)
  }

  #heard(channel: Channel, reply: Exclude<MailboxReply, { kind: 'hello' }>): void {
    if (reply.kind === 'error') return this.#refused(channel, reply.number)
    if (reply.kind === 'opened') {
      assert.equal(channel.state, 'asked')
      assert.ok(channel.isProven, 'only its owner opens a mailbox')
      channel.state = 'open'
      channel.atOpening = this.#bench.waiting(channel.mailbox)
      return
    }
    assert.equal(channel.state, 'open', `${reply.kind} on a channel that is not open`)
    if (reply.kind === 'displaced') channel.state = 'ended'
    else if (reply.kind === 'drained') this.#drained(channel)
    else if (reply.kind === 'envelope') {
      this.#received(channel, Buffer.from(reply.id).toString('hex'), Buffer.from(reply.envelope))
    }
  }

  #refused(channel: Channel, code: number): void {
    assert.ok(channel.state === 'asked' || channel.state === 'left', 'no ERROR after the answer to OPEN')
    channel.state = 'ended'
    if (channel.isProven) {
      assert.equal(code, ERROR.storeUnavailable)
      assert.ok(this.#mayFail, 'no OPEN of an owner fails but for want of the store')
      return
    }
    assert.equal(code, ERROR.signature)
    this.#failed++
    assert.ok(this.#failed < 3, 'the third failed OPEN gets none')
  }

  #received(channel: Channel, id: string, envelope: Buffer): void {
    this.#bufferedEnvelopeBytes += ENVELOPE_HEADER_BYTES + envelope.length
    assert.ok(this.#bufferedEnvelopeBytes <= SOCKET_BYTES, 'no more than there is room for')
    const number = envelope.readUInt32BE()
    const accepted = this.#bench.accepted.get(number)
    assert.ok(accepted, 'only what was accepted before is sent')
    assert.equal(accepted.mailbox, channel.mailbox, 'to its owner')
    assert.deepEqual(envelope.subarray(4), Buffer.alloc(envelope.length - 4, number), 'unchanged')
    assert.ok(!channel.received.has(id), 'once on a channel')
    const named = this.#bench.named.get(id)
    assert.ok(named === undefined || named === accepted, 'an id is that of one envelope for ever')
    this.#bench.named.set(id, accepted)
    const earlier = [...channel.received.values()].filter(({ lane }) => lane === accepted.lane)
    assert.ok((earlier.at(-1)?.number ?? -1) < number, 'in the order of deposit')
    channel.received.set(id, accepted)
    channel.unacknowledged.set(id, accepted)
    const held = [...channel.unacknowledged.values()].filter(({ expiresAt }) => expiresAt > this.#bench.nowSeconds)
    assert.ok(held.length <= POLICY.window, 'within the window')
    if (channel.unacknowledged.size >= POLICY.window) channel.mayBeBehind = true
  }

  #drained(channel: Channel): void {
    assert.ok(channel.drains === 0 || channel.mayBeBehind, 'again only after it had fallen behind')
    const received = new Set([...channel.received.values()].map(({ number }) => number))
    const missing = channel.atOpening.filter((one) => this.#bench.isWaiting(one) && !received.has(one.number))
    assert.deepEqual(missing, [], 'after all that waited')
    channel.drains++
    channel.mayBeBehind = this.#isHeld || channel.unacknowledged.size >= POLICY.window
  }

  #close(code: CloseCode): void {
    assert.equal(this.#closedWith, undefined, 'closed once')
    assert.ok(!this.#isGone, 'nobody is there to be closed')
    if (code === 4403) assert.equal(this.#failed, 2, 'the third failed OPEN')
    else assert.equal(code, this.#mayClose, 'closed for a reason')
    this.#closedWith = code
  }
}

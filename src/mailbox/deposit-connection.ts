import { MalformedError } from '../protocol/bytes.ts'
import {
  acceptedFrame,
  DEPOSIT_HEADER_BYTES,
  type DepositFrame,
  encodeDepositAnswer,
  parseDepositFrame,
} from '../protocol/deposit-frames.ts'
import { sizeIndexOf } from '../protocol/envelope.ts'
import { CLOSE, type CloseCode, ERRORS, type ErrorCode } from '../protocol/errors.ts'
import { type Allowance, COST_BYTES } from './admission.ts'
import type { Asker, Depositor } from './deposit.ts'
import type { Sender } from './intake.ts'

/** What a connection needs of its socket. */
export interface DepositSocket {
  /** @param frame copied */
  send(frame: Uint8Array): void
  /** Frames that were sent before still arrive. */
  close(code: CloseCode): void
  /** Stops and restarts the arrival of frames. */
  pause(): void
  resume(): void
}

/** Bytes of one socket's deposits that may be unanswered before its next frames have to wait. */
const MAX_UNANSWERED_BYTES = 1_000_000
/** What the smallest counts for, so that one sender alone is held back before it has its share of all deposits in hand. */
const LEAST_UNANSWERED_BYTES = 4_000

/** One deposit socket: frames in, answers out. Knows no WebSocket, and nothing of who sends. [protocol §4] */
export class DepositConnection implements Asker {
  readonly #depositor: Depositor
  readonly #envelopeBytes: readonly number[]
  readonly #socket: DepositSocket
  readonly #allowance: Allowance
  readonly #sender: Sender = { inHand: 0 }
  #unansweredBytes = 0
  #unanswered = 0
  #isEnded = false
  #isDraining = false

  constructor(depositor: Depositor, envelopeBytes: readonly number[], socket: DepositSocket, allowance: Allowance) {
    this.#depositor = depositor
    this.#envelopeBytes = envelopeBytes
    this.#socket = socket
    this.#allowance = allowance
  }

  /** @param frame a whole binary message; it is reused and must not be touched afterwards */
  receive(frame: Uint8Array): void {
    if (this.#isEnded || this.#isDraining) return
    let deposit: DepositFrame
    try {
      deposit = parseDepositFrame(frame)
    } catch (error) {
      if (error instanceof MalformedError) return this.#close(CLOSE.malformed)
      throw error
    }
    const { ref, ttlSeconds, address, envelope } = deposit
    const verdict = this.#allowance.ask(frame.length + COST_BYTES.frame)
    if (verdict === 'ended') return this.#close(CLOSE.rateLimited)
    if (verdict === 'limited') return this.#refuse(ref, 'ERR_RATE_LIMITED')
    const sizeIndex = sizeIndexOf(envelope.length, this.#envelopeBytes)
    if (sizeIndex < 0) return this.#refuse(ref, 'ERR_ENVELOPE_SIZE')
    this.#begin(frame.length)
    this.#depositor.deposit({
      address,
      ttlSeconds,
      sizeIndex,
      frame,
      envelopeOffset: DEPOSIT_HEADER_BYTES,
      sender: this.#sender,
      asker: this,
      ref,
    })
  }

  accepted(ref: number, frameBytes: number): void {
    if (!this.#isEnded) this.#socket.send(acceptedFrame(ref))
    this.#settle(frameBytes)
  }

  refused(ref: number, frameBytes: number, code: ErrorCode): void {
    if (!this.#isEnded) this.#refuse(ref, code)
    this.#settle(frameBytes)
  }

  /** Sends the sender elsewhere once what it has sent is answered. */
  drain(): void {
    this.#isDraining = true
    if (this.#unanswered === 0) this.#close(CLOSE.draining)
  }

  /** The socket is gone; what is being stored is stored all the same. */
  end(): void {
    this.#isEnded = true
  }

  #begin(frameBytes: number): void {
    this.#unanswered++
    this.#unansweredBytes += Math.max(frameBytes, LEAST_UNANSWERED_BYTES)
    if (this.#unansweredBytes > MAX_UNANSWERED_BYTES) this.#socket.pause()
  }

  #settle(frameBytes: number): void {
    const wasOver = this.#unansweredBytes > MAX_UNANSWERED_BYTES
    this.#unanswered--
    this.#unansweredBytes -= Math.max(frameBytes, LEAST_UNANSWERED_BYTES)
    if (this.#isEnded) return
    if (wasOver && this.#unansweredBytes <= MAX_UNANSWERED_BYTES) this.#socket.resume()
    if (this.#isDraining && this.#unanswered === 0) this.#close(CLOSE.draining)
  }

  #refuse(ref: number, code: ErrorCode): void {
    this.#socket.send(encodeDepositAnswer({ kind: 'error', ref, number: ERRORS[code].number }))
  }

  #close(code: CloseCode): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#socket.close(code)
  }
}

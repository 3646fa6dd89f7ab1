/**
 * What is said to whoever asks for something: go on; not now; or not now, and it has been told so often without heeding
 * it that the connection is to be ended.
 */
export type Verdict = 'admitted' | 'limited' | 'ended'

/**
 * What one client may still ask of this relay, in bytes: those that it sends and is sent, and a number of them for work
 * besides. Called for every frame: an implementation does sums and nothing else.
 */
export interface Allowance {
  /** Charges something that came in, whether it is admitted or not: it has come. */
  ask(costBytes: number): Verdict
  /** Charges what cannot be refused any more: answers, envelopes on their way out, work that turned out to be needed. */
  charge(costBytes: number): void
  /** Milliseconds until what was charged is paid off, so that envelopes may go out again; 0 where nothing is owed. */
  debtMs(): number
}

/** What things cost besides their own bytes. One byte stands for about ten nanoseconds of this process. */
export const COST_BYTES = {
  /** A connection that begins, and one whose keys are agreed upon here. */
  connection: 15_000,
  tlsConnection: 100_000,
  /** A request over HTTP, with its headers and those of the answer. */
  request: 3_000,
  /** A frame, whichever way it goes, or a ping. */
  frame: 500,
  /** A signature that is verified, and a look at what waits in a mailbox. */
  signature: 20_000,
} as const

/** A connection that was accepted, as far as it tells where it comes from. */
export interface Peer {
  /** Address in text form; undefined once the connection is gone. */
  readonly remoteAddress?: string | undefined
}

/** Port: how much everybody may ask of this relay, without anybody saying who they are. */
export interface Admission {
  /** A connection was accepted. @returns false: end it without a word */
  connect(peer: Peer, costBytes: number): boolean
  /**
   * Whom a request or a socket is charged to.
   * @param forwardedFor value of the header X-Forwarded-For; counts only where the peer is a proxy that may say so
   */
  allowanceOf(peer: Peer, forwardedFor: string | undefined): Allowance
  /** Ends its timers. */
  stop(): void
}

/** Of those who are not limited. */
export const UNLIMITED: Allowance = { ask: () => 'admitted', charge: () => {}, debtMs: () => 0 }

/** LETHE_ADMISSION=open: nobody is limited, and nobody's address is looked at. */
export const OPEN_ADMISSION: Admission = { connect: () => true, allowanceOf: () => UNLIMITED, stop: () => {} }

/** What one deposit looks like on the wire. Frames of a sender lie side by side in one buffer, one for each slot. */
export interface DepositFormat {
  readonly frameBytes: number
  /** Writes what stays the same in every deposit from this slot of this sender. */
  fill(frame: Buffer, sender: number, slot: number): void
  /** Writes whom it is for, and its number into the first bytes of the envelope. */
  direct(frame: Buffer, recipient: number, number: number): void
}

export interface SenderEvents {
  /** The server has answered for what was sent from this slot. */
  answered(slot: number, isAccepted: boolean): void
  lost(): void
}

export interface RecipientEvents {
  /** An envelope with this number has come; it is acknowledged with all that came with it. */
  delivered(number: number): void
  /** All that waited has come, where the protocol tells. */
  drained?(): void
  lost(): void
}

/** A connection that is ready for use. */
export interface Link {
  write(bytes: Uint8Array): void
  /** Holds writes back until `uncork`, to write them at once. */
  cork(): void
  uncork(): void
  /** Ends it after what was written. */
  close(): Promise<void>
}

/** How clients talk to one kind of server. */
export interface Protocol {
  readonly format: DepositFormat
  /** What has to exist before the first connection. */
  prepare(): Promise<void>
  connectSender(sender: number, events: SenderEvents): Promise<Link>
  /** Resolves when what is deposited from now on will be delivered. */
  connectRecipient?(recipient: number, events: RecipientEvents, localAddress?: string): Promise<Link>
}

export type ProtocolName = 'lethe' | 'mqtt' | 'nats' | 'http'

/** Which server, and how many clients it has. */
export interface Target {
  readonly protocol: ProtocolName
  readonly port: number
  /** Further instances of the same server, among which clients are spread. */
  readonly otherPorts?: readonly number[]
  readonly senders: number
  /** Mailboxes that deposits go to. */
  readonly recipients: number
  /** How many of them can be opened; the rest are addresses that nobody owns. All of them, if left out. */
  readonly owned?: number
  /** Deposits under way for each sender, 99 at most. */
  readonly window: number
  readonly envelopeBytes: number
}

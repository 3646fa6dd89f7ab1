/** Something that people ask a relay for and that it does not hold. */
export interface NotHeld {
  readonly category: string
  /** What is not held, to stand in a list. */
  readonly what: string
  readonly reason: string
  /** Options of `lethe disclose` that ask for it. */
  readonly options: readonly string[]
}

const NO_ACCOUNTS =
  'There are no accounts, no registration and no login. A mailbox is a key pair that its owner makes; the relay is not ' +
  'told of it, and stores nothing about it but the envelopes that wait.'
const ADDRESS_NEEDED =
  'The store holds neither addresses nor keys. Its names are hashes that can be computed from an address and the ' +
  'storeSecret, and then looked up. They cannot be computed backwards, and no list leads from one to the other.'

/** What is not held, category by category. One list for the page, for /v1/info and for what is answered to a court. */
export const NOT_HELD: readonly NotHeld[] = [
  {
    category: 'identity',
    what: 'names, phone numbers, e-mail addresses, payment details, passwords or devices',
    reason: NO_ACCOUNTS,
    options: ['name', 'username', 'phone', 'phone-number', 'email', 'user', 'account', 'device'],
  },
  {
    category: 'senders',
    what: 'who sent an envelope',
    reason:
      'A sender does not say who it is and proves nothing; a deposit holds the address it goes to, and ciphertext. A ' +
      'socket on which a mailbox is read takes no deposits.',
    options: ['sender'],
  },
  {
    category: 'contacts',
    what: 'who knows or writes to whom',
    reason:
      'Follows from the two above: an envelope leads to the mailbox it waits in, and to nobody else. Nothing that ' +
      'is stored leads from one mailbox to another, even where both are the same person’s.',
    options: ['contacts', 'recipient', 'groups'],
  },
  {
    category: 'network',
    what: 'IP addresses, ports and user agents of connections that have ended, or locations',
    reason:
      'An address is in the memory of the machine while a connection lasts. The relay does not read it, and writes it ' +
      'to no log, metric or store.',
    options: ['ip', 'location'],
  },
  {
    category: 'times',
    what: 'when an envelope was sent, delivered or read',
    reason:
      'The one time that is stored is when a bucket is erased, a multiple of a sixth of its class. The number of an ' +
      'envelope holds no clock.',
    options: ['from', 'to', 'since', 'until', 'date'],
  },
  {
    category: 'past messages',
    what: 'messages that were delivered or whose time is up; how many there were, unless others still wait with them',
    reason:
      'An acknowledged envelope is erased at once, and its bucket with the last one in it. While others still wait in ' +
      'the same bucket, its numbers tell how many were acknowledged out of it; that is stated where it is so.',
    options: ['history', 'deleted'],
  },
  {
    category: 'activity',
    what: 'when a mailbox was made, first used, last used or last online, and how often',
    reason:
      `${NO_ACCOUNTS} What counts anything counts all mailboxes together. Of a bucket in which envelopes wait, a running ` +
      'Redis notes when it was last looked at, by anybody; it keeps the last time only, and not in copies.',
    options: ['last-seen', 'created', 'sessions'],
  },
  {
    category: 'content',
    what: 'what an envelope says',
    reason:
      'Envelopes are encrypted by their senders for their recipients. The relay has no key to that; what it encrypts ' +
      'and decrypts is a second layer of its own around it.',
    options: ['content', 'keyword', 'attachments'],
  },
  {
    category: 'lists',
    what: 'a list of mailboxes, or a search for one',
    reason: ADDRESS_NEEDED,
    options: ['list', 'search', 'all'],
  },
]

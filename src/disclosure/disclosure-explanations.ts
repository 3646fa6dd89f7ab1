import type { Disclosure, Presence } from './disclosure.ts'
import { INVENTORY } from './inventory.ts'

/** What each answer about a connection means. */
export const PRESENCE_EXPLANATIONS: Readonly<Record<Presence, string>> = {
  'not asked':
    'Whether a mailbox is connected is stored nowhere. It is in the memory of a relay process while the connection ' +
    'lasts, and can be asked for at one moment: `lethe disclose --ask-connected` asks every running relay of this ' +
    'store. It was not asked here.',
  open:
    'When this document was made, a running relay answered that a WebSocket connection has this mailbox open. Since ' +
    'when, and from where, it does not say. The answer is stored nowhere but here.',
  'no answer':
    'When this document was made, no running relay of this store answered within two seconds that a WebSocket ' +
    'connection has this mailbox open. Clients that fetch over HTTP are not asked, and a relay that is cut off from ' +
    'the store does not answer. The answer is stored nowhere but here.',
  'cannot be asked':
    'The relay keeps everything in its own memory, and no other process can ask it. It holds this while the ' +
    'connection lasts, and writes it nowhere.',
}

/** Where each thing that the store holds about a bucket or an envelope is in the document, by its inventory name. */
const GIVEN: Readonly<Record<string, string>> = {
  key:
    'Not given. It is computed from the storeSecret, the address, and the size, class and expiry that are given, and ' +
    'holds nothing else.',
  type: 'The same for every bucket.',
  'radix-tree-keys': 'Follows from `waiting`.',
  'radix-tree-nodes': 'Follows from `waiting` and `places`.',
  groups: 'None for any bucket.',
  encoding: 'The same for every bucket.',
  references: 'The same for every bucket.',
  memory: 'Follows from `waiting` and `envelopeBytes`.',
  expiry: '`erasedAt`',
  length: '`waiting`',
  'entries-added': '`waiting` and `acknowledged` together.',
  'last-generated-id': 'A random start, not given, and `waiting` and `acknowledged` together.',
  'max-deleted-entry-id': 'Follows from `places`: the last place that is missing from them.',
  'recorded-first-entry-id': 'Follows from `places`: the first of them.',
  'last access':
    'Not given. Redis notes for each of its keys when it was last looked at, by anybody, and only for the last time. ' +
    'Reading the bucket for this document was such a look: what the note said before is gone, and what it says now is ' +
    '`readUntil`.',
  id: 'A random start, not given, and a place in the order of arrival: `places`.',
  'e: nonce': 'Random, not given.',
  'e: ciphertext':
    '`envelopeBytes` is its length. The bytes are given where ciphertext was asked for, without the layer of the relay.',
  'e: tag': 'Computed from the ciphertext; not given.',
}

/** Everything that the store holds about a bucket and an envelope, and where it is in the document. */
export function storedFields(): Disclosure['stored'] {
  return INVENTORY.filter(({ place, part }) => place === 'redis' && part.startsWith('lethe1:{ppp}:<bucketTag>')).map(
    ({ name, tells }) => ({ name, tells, given: GIVEN[name] as string }),
  )
}

export const RETENTION: Disclosure['retention'] = [
  'An envelope is erased at once when its recipient acknowledges it. No trace of it is kept, but for the count that is ' +
    'stated as `acknowledged` while others wait in the same bucket.',
  'An envelope that is not acknowledged is erased at the time that is stated as `erasedAt`, at the latest 7 days after ' +
    'it came. The store does that by itself; nobody has to run anything for it.',
  'A bucket goes with its last envelope. When nothing waits for a mailbox, nothing in the store is about it.',
  'Nothing else is retained about a mailbox, for any time.',
]

/** What this document does not speak for. */
export const NOT_COVERED: Disclosure['notCovered'] = [
  {
    what: 'other stores and other secrets',
    why:
      'Only the store of LETHE_REDIS_URL was read, with the secrets in this environment. Envelopes that were stored ' +
      'under a secret which is no longer there can be found and opened by nobody.',
  },
  {
    what: 'the memory of the running relays, and memory that was freed',
    why:
      'A relay holds the IP address of a connection, and what is on its way, for as long as it serves it. Pieces can ' +
      'stay in freed memory of relay or Redis until they are overwritten. No tool of Lethe reads either.',
  },
  {
    what: 'the replication backlog of Redis',
    why:
      'Where Redis has replicas, it keeps its last writes for them, 256 kB as it is shipped: seconds of a busy relay, ' +
      'longer of a quiet one. They are sealed, under names of buckets, with a mark every ten seconds. No tool of Lethe ' +
      'reads them.',
  },
  {
    what: 'copies',
    why:
      'Whether somebody has made a copy of the store or of a machine cannot be seen from here. `lethe audit` says ' +
      'whether Redis is set to write anything to disk.',
  },
  {
    what: 'what others hold',
    why:
      'Proxies, hosting companies and networks see connections: their IP addresses, times and sizes. What they keep is ' +
      'not the relay’s to know.',
  },
]

export const CIPHERTEXT_NOTE =
  'These are the envelopes as their senders made them, in base64: encrypted for the recipient, and padded to a fixed ' +
  'size. The relay’s own layer of encryption is taken off. Neither the relay nor its operator has a key to what is in ' +
  'them.'

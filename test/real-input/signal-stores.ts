// libsignal is AGPL-3.0-only. It is a development dependency, used by these tests alone: nothing under src may import it,
// and nothing of it is in what is shipped.
import {
  Direction,
  IdentityChange,
  type IdentityKeyPair,
  IdentityKeyStore,
  KyberPreKeyRecord,
  KyberPreKeyStore,
  PreKeyRecord,
  PreKeyStore,
  type PrivateKey,
  type ProtocolAddress,
  type PublicKey,
  SenderKeyRecord,
  SenderKeyStore,
  SessionRecord,
  SessionStore,
  SignedPreKeyRecord,
  SignedPreKeyStore,
} from '@signalapp/libsignal-client'

// Records are kept as bytes, as a real client's database would keep them, so that every use starts from what was saved.
type Saved = Uint8Array<ArrayBuffer>

/** Sessions by the peer's address. */
export class MemorySessionStore extends SessionStore {
  readonly #sessions = new Map<string, Saved>()

  override async saveSession(peer: ProtocolAddress, record: SessionRecord): Promise<void> {
    this.#sessions.set(peer.toString(), record.serialize())
  }

  override async getSession(peer: ProtocolAddress): Promise<SessionRecord | null> {
    const saved = this.#sessions.get(peer.toString())
    return saved === undefined ? null : SessionRecord.deserialize(saved)
  }

  override async getExistingSessions(peers: ProtocolAddress[]): Promise<SessionRecord[]> {
    return peers.map((peer) => SessionRecord.deserialize(find(this.#sessions, peer.toString())))
  }
}

/** One's own identity, and the identity keys of others: trusted when first seen, and no other key after that. */
export class MemoryIdentityStore extends IdentityKeyStore {
  readonly #own: IdentityKeyPair
  readonly #registrationId: number
  readonly #known = new Map<string, PublicKey>()

  constructor(own: IdentityKeyPair, registrationId: number) {
    super()
    this.#own = own
    this.#registrationId = registrationId
  }

  override async getIdentityKey(): Promise<PrivateKey> {
    return this.#own.privateKey
  }

  override async getIdentityKeyPair(): Promise<IdentityKeyPair> {
    return this.#own
  }

  override async getLocalRegistrationId(): Promise<number> {
    return this.#registrationId
  }

  override async saveIdentity(peer: ProtocolAddress, key: PublicKey): Promise<IdentityChange> {
    const known = this.#known.get(peer.toString())
    this.#known.set(peer.toString(), key)
    return known === undefined || known.equals(key) ? IdentityChange.NewOrUnchanged : IdentityChange.ReplacedExisting
  }

  override async isTrustedIdentity(peer: ProtocolAddress, key: PublicKey, direction: Direction): Promise<boolean> {
    const known = this.#known.get(peer.toString())
    return known === undefined ? direction === Direction.Receiving : known.equals(key)
  }

  override async getIdentity(peer: ProtocolAddress): Promise<PublicKey | null> {
    return this.#known.get(peer.toString()) ?? null
  }
}

/** One-time pre-keys: each is gone once a session was made with it. */
export class MemoryPreKeyStore extends PreKeyStore {
  readonly #preKeys = new Map<number, Saved>()

  get size(): number {
    return this.#preKeys.size
  }

  override async savePreKey(id: number, record: PreKeyRecord): Promise<void> {
    this.#preKeys.set(id, record.serialize())
  }

  override async getPreKey(id: number): Promise<PreKeyRecord> {
    return PreKeyRecord.deserialize(find(this.#preKeys, id))
  }

  override async removePreKey(id: number): Promise<void> {
    this.#preKeys.delete(id)
  }
}

/** Signed pre-keys, which serve any number of sessions. */
export class MemorySignedPreKeyStore extends SignedPreKeyStore {
  readonly #preKeys = new Map<number, Saved>()

  override async saveSignedPreKey(id: number, record: SignedPreKeyRecord): Promise<void> {
    this.#preKeys.set(id, record.serialize())
  }

  override async getSignedPreKey(id: number): Promise<SignedPreKeyRecord> {
    return SignedPreKeyRecord.deserialize(find(this.#preKeys, id))
  }
}

/** One-time Kyber pre-keys: each is gone once it was used. */
export class MemoryKyberPreKeyStore extends KyberPreKeyStore {
  readonly #preKeys = new Map<number, Saved>()

  get size(): number {
    return this.#preKeys.size
  }

  override async saveKyberPreKey(id: number, record: KyberPreKeyRecord): Promise<void> {
    this.#preKeys.set(id, record.serialize())
  }

  override async getKyberPreKey(id: number): Promise<KyberPreKeyRecord> {
    return KyberPreKeyRecord.deserialize(find(this.#preKeys, id))
  }

  override async markKyberPreKeyUsed(id: number): Promise<void> {
    this.#preKeys.delete(id)
  }
}

/** Group sender keys by sender and distribution. */
export class MemorySenderKeyStore extends SenderKeyStore {
  readonly #keys = new Map<string, Saved>()

  override async saveSenderKey(sender: ProtocolAddress, distribution: string, record: SenderKeyRecord): Promise<void> {
    this.#keys.set(`${sender.toString()} ${distribution}`, record.serialize())
  }

  override async getSenderKey(sender: ProtocolAddress, distribution: string): Promise<SenderKeyRecord | null> {
    const saved = this.#keys.get(`${sender.toString()} ${distribution}`)
    return saved === undefined ? null : SenderKeyRecord.deserialize(saved)
  }
}

function find<Key>(records: Map<Key, Saved>, key: Key): Saved {
  const saved = records.get(key)
  if (saved === undefined) throw new Error(`no record ${key}`)
  return saved
}

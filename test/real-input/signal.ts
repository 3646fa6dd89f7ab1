// People who write to each other with Signal's own code. libsignal is AGPL-3.0-only: a development dependency of these
// tests alone, never imported under src and no part of what is shipped.

import { randomInt, randomUUID } from 'node:crypto'
import {
  CiphertextMessageType,
  ContentHint,
  groupDecrypt,
  groupEncrypt,
  IdentityKeyPair,
  KEMKeyPair,
  KyberPreKeyRecord,
  PreKeyBundle,
  PreKeyRecord,
  PrivateKey,
  ProtocolAddress,
  type PublicKey,
  processPreKeyBundle,
  processSenderKeyDistributionMessage,
  SenderCertificate,
  SenderKeyDistributionMessage,
  ServerCertificate,
  SignedPreKeyRecord,
  sealedSenderDecryptMessage,
  sealedSenderDecryptToUsmc,
  sealedSenderEncryptMessage,
  sealedSenderMultiRecipientEncrypt,
  UnidentifiedSenderMessageContent,
} from '@signalapp/libsignal-client'
import SealedSenderMultiRecipientMessage from '@signalapp/libsignal-client/dist/SealedSenderMultiRecipientMessage.js'
import {
  MemoryIdentityStore,
  MemoryKyberPreKeyStore,
  MemoryPreKeyStore,
  MemorySenderKeyStore,
  MemorySessionStore,
  MemorySignedPreKeyStore,
} from './signal-stores.ts'

type Bytes = Uint8Array<ArrayBuffer>

const deviceId = 1
const signedPreKeyId = 1
const oneTimePreKeys = 3
const dayMs = 86_400_000

/** What one-to-one messages carry: words for a person, or a sender key for the group messages to come. */
const content = { words: 0, senderKey: 1 } as const

/** Who signs sender certificates; recipients know `trustRoot` beforehand. */
export interface CertificateAuthority {
  trustRoot: PublicKey
  certify(aci: string, identityKey: PublicKey): SenderCertificate
}

/** A message that was opened, with the sender its certificate names. */
export interface OpenedMessage {
  kind: 'words' | 'sender key' | 'group words'
  /** Of libsignal's message types: PreKey (3) while a session is new, Whisper (2) later, SenderKey (7) in groups. */
  messageType: number
  senderAci: string
  senderDeviceId: number
  senderKey: PublicKey
  text: string
}

/** Makes a trust root, a server certificate under it, and sender certificates of one day under that. */
export function createCertificateAuthority(): CertificateAuthority {
  const trustRoot = PrivateKey.generate()
  const serverKey = PrivateKey.generate()
  const server = ServerCertificate.new(1, serverKey.getPublicKey(), trustRoot)
  return {
    trustRoot: trustRoot.getPublicKey(),
    certify: (aci, identityKey) =>
      SenderCertificate.new(aci, null, deviceId, identityKey, Date.now() + dayMs, server, serverKey),
  }
}

/** One person with one device: identity, pre-keys, sessions, and everything that person can do with them. */
export class SignalPerson {
  readonly aci = randomUUID()
  readonly address = ProtocolAddress.new(this.aci, deviceId)
  readonly identityKey: PublicKey
  readonly preKeys = new MemoryPreKeyStore()
  readonly kyberPreKeys = new MemoryKyberPreKeyStore()
  readonly #identity = IdentityKeyPair.generate()
  readonly #registrationId = randomInt(1, 0x3fff)
  readonly #identities = new MemoryIdentityStore(this.#identity, this.#registrationId)
  readonly #signedPreKeys = new MemorySignedPreKeyStore()
  readonly #sessions = new MemorySessionStore()
  readonly #senderKeys = new MemorySenderKeyStore()
  readonly #trustRoot: PublicKey
  readonly #certificate: SenderCertificate
  #nextBundle = 1

  private constructor(authority: CertificateAuthority) {
    this.identityKey = this.#identity.publicKey
    this.#trustRoot = authority.trustRoot
    this.#certificate = authority.certify(this.aci, this.identityKey)
  }

  /** Makes a person with a signed pre-key and three one-time pre-keys of each kind. */
  static async create(authority: CertificateAuthority): Promise<SignalPerson> {
    const person = new SignalPerson(authority)
    const signed = PrivateKey.generate()
    const signature = person.#sign(signed.getPublicKey())
    const record = SignedPreKeyRecord.new(signedPreKeyId, Date.now(), signed.getPublicKey(), signed, signature)
    await person.#signedPreKeys.saveSignedPreKey(signedPreKeyId, record)
    for (let id = 1; id <= oneTimePreKeys; id++) {
      const oneTime = PrivateKey.generate()
      await person.preKeys.savePreKey(id, PreKeyRecord.new(id, oneTime.getPublicKey(), oneTime))
      const kyber = KEMKeyPair.generate()
      const kyberSignature = person.#sign(kyber.getPublicKey())
      await person.kyberPreKeys.saveKyberPreKey(id, KyberPreKeyRecord.new(id, Date.now(), kyber, kyberSignature))
    }
    return person
  }

  /** What a key server would hand to somebody who wants to write; every bundle has one-time pre-keys of its own. */
  async takeBundle(): Promise<PreKeyBundle> {
    const id = this.#nextBundle++
    const signed = await this.#signedPreKeys.getSignedPreKey(signedPreKeyId)
    const kyber = await this.kyberPreKeys.getKyberPreKey(id)
    return PreKeyBundle.new(
      this.#registrationId,
      deviceId,
      id,
      (await this.preKeys.getPreKey(id)).publicKey(),
      signedPreKeyId,
      signed.publicKey(),
      signed.signature(),
      this.identityKey,
      id,
      kyber.publicKey(),
      kyber.signature(),
    )
  }

  /** Takes a bundle of `peer` and starts a session with it, without a word from the peer. */
  async startSession(peer: SignalPerson): Promise<void> {
    await this.#identities.saveIdentity(peer.address, peer.identityKey)
    await processPreKeyBundle(await peer.takeBundle(), peer.address, this.address, this.#sessions, this.#identities)
  }

  /** Sealed sender v1: words for one person. */
  async seal(peer: SignalPerson, text: string): Promise<Bytes> {
    return this.#sealContent(peer, content.words, new TextEncoder().encode(text))
  }

  /** Sealed sender v1: this person's sender key in `distributionId`, made on first use, for one member of the group. */
  async sealSenderKey(peer: SignalPerson, distributionId: string): Promise<Bytes> {
    const key = await SenderKeyDistributionMessage.create(this.address, distributionId, this.#senderKeys)
    return this.#sealContent(peer, content.senderKey, key.serialize())
  }

  /** Sealed sender v2: words encrypted once and fanned out. Gives one ciphertext per recipient, in the order of `peers`. */
  async sealForGroup(peers: SignalPerson[], distributionId: string, text: string): Promise<Bytes[]> {
    const message = await groupEncrypt(this.address, distributionId, this.#senderKeys, new TextEncoder().encode(text))
    const sent = await sealedSenderMultiRecipientEncrypt({
      content: UnidentifiedSenderMessageContent.new(message, this.#certificate, ContentHint.Default, null),
      recipients: peers.map((peer) => peer.address),
      identityStore: this.#identities,
      sessionStore: this.#sessions,
    })
    const fanOut = new SealedSenderMultiRecipientMessage(sent)
    const recipients = fanOut.recipientsByServiceIdString()
    return peers.map((peer) => {
      const recipient = recipients[peer.aci]
      if (recipient === undefined) throw new Error(`the message names no recipient ${peer.aci}`)
      return fanOut.messageForRecipient(recipient)
    })
  }

  /** Opens a sealed message of either version. Throws if its certificate is not the authority's, or it does not decrypt. */
  async open(sealed: Bytes): Promise<OpenedMessage> {
    const unsealed = await sealedSenderDecryptToUsmc(sealed, this.#identities)
    const certificate = unsealed.senderCertificate()
    if (!certificate.validate(this.#trustRoot, Date.now())) throw new Error('the sender certificate is not valid')
    const from = {
      messageType: unsealed.msgType(),
      senderAci: certificate.senderUuid(),
      senderDeviceId: certificate.senderDeviceId(),
      senderKey: certificate.key(),
    }
    const sender = ProtocolAddress.new(from.senderAci, from.senderDeviceId)
    if (from.messageType === CiphertextMessageType.SenderKey) {
      const text = await groupDecrypt(sender, this.#senderKeys, unsealed.contents())
      return { ...from, kind: 'group words', text: new TextDecoder().decode(text) }
    }
    const opened = await this.#openContent(sealed)
    if (opened[0] === content.words) {
      return { ...from, kind: 'words', text: new TextDecoder().decode(opened.subarray(1)) }
    }
    const key = SenderKeyDistributionMessage.deserialize(opened.slice(1))
    await processSenderKeyDistributionMessage(sender, key, this.#senderKeys)
    return { ...from, kind: 'sender key', text: '' }
  }

  #sign(key: { serialize(): Bytes }): Bytes {
    return this.#identity.privateKey.sign(key.serialize())
  }

  async #sealContent(peer: SignalPerson, kind: number, body: Uint8Array): Promise<Bytes> {
    const message = Uint8Array.of(kind, ...body)
    return sealedSenderEncryptMessage(message, peer.address, this.#certificate, this.#sessions, this.#identities)
  }

  async #openContent(sealed: Bytes): Promise<Bytes> {
    const result = await sealedSenderDecryptMessage(
      sealed,
      this.#trustRoot,
      Date.now(),
      null,
      this.aci,
      deviceId,
      this.#sessions,
      this.#identities,
      this.preKeys,
      this.#signedPreKeys,
      this.kyberPreKeys,
    )
    return result.message()
  }
}

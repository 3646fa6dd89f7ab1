import {
  acceptAll,
  type CiphersuiteImpl,
  type ClientState,
  createApplicationMessage,
  createCommit,
  createGroup,
  decodeMlsMessage,
  defaultCapabilities,
  defaultLifetime,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  type MLSMessage,
  type Proposal,
  processMessage,
} from 'ts-mls'

type KeyPackages = Awaited<ReturnType<typeof generateKeyPackage>>

/** What one MLS message did to a member: it joined, its group moved on, or it read an application message. */
export type Processed = { kind: 'joined' } | { kind: 'new epoch' } | { kind: 'application'; text: string }

// P-256 because it needs nothing but WebCrypto as Node 20 has it and @noble/curves: X25519 in Node 20's WebCrypto is
// experimental and warns on every run.
const suiteName = 'MLS_128_DHKEMP256_AES128GCM_SHA256_P256'

/** One member of one MLS group (RFC 9420), whose messages are bytes as they are on the wire. */
export class MlsMember {
  readonly name: string
  readonly #suite: CiphersuiteImpl
  readonly #keyPackages: KeyPackages
  #state: ClientState | undefined

  private constructor(name: string, suite: CiphersuiteImpl, keyPackages: KeyPackages) {
    this.name = name
    this.#suite = suite
    this.#keyPackages = keyPackages
  }

  /** Makes somebody with a key package and no group yet. */
  static async create(name: string): Promise<MlsMember> {
    const suite = await getCiphersuiteImpl(getCiphersuiteFromName(suiteName))
    const credential = { credentialType: 'basic', identity: new TextEncoder().encode(name) } as const
    const packages = await generateKeyPackage(credential, defaultCapabilities(), defaultLifetime, [], suite)
    return new MlsMember(name, suite, packages)
  }

  /** The epoch this member is in. */
  get epoch(): bigint {
    return this.#group.groupContext.epoch
  }

  /** This epoch's authenticator, in hex: equal for all members who agree on the group's history. */
  get epochAuthenticator(): string {
    return Buffer.from(this.#group.keySchedule.epochAuthenticator).toString('hex')
  }

  /** The members' names, in the order of the tree. */
  get members(): string[] {
    return this.#leaves.filter((name) => name !== undefined)
  }

  /** The key package, for whoever wants to add this member. */
  keyPackage(): Uint8Array {
    return encode({ wireformat: 'mls_key_package', version: 'mls10', keyPackage: this.#keyPackages.publicPackage })
  }

  /** Starts a group with this member alone. */
  async createGroup(groupId: Uint8Array): Promise<void> {
    const { publicPackage, privatePackage } = this.#keyPackages
    this.#state = await createGroup(groupId, publicPackage, privatePackage, [], this.#suite)
  }

  /** Adds members by their key packages. Gives the commit for those who are in, and the Welcome for those who come. */
  async add(keyPackages: Uint8Array[]): Promise<{ commit: Uint8Array; welcome: Uint8Array }> {
    const proposals = keyPackages.map((bytes): Proposal => {
      const message = decode(bytes)
      if (message.wireformat !== 'mls_key_package') throw new Error(`a ${message.wireformat} is no key package`)
      return { proposalType: 'add', add: { keyPackage: message.keyPackage } }
    })
    const { commit, welcome } = await this.#commit(proposals)
    if (welcome === undefined) throw new Error('the commit came without a Welcome')
    return { commit, welcome }
  }

  /** Renews this member's keys: a commit without proposals. */
  async update(): Promise<Uint8Array> {
    return (await this.#commit([])).commit
  }

  /** Removes the member called `name`. */
  async remove(name: string): Promise<Uint8Array> {
    const removed = this.#leaves.indexOf(name)
    if (removed === -1) throw new Error(`${name} is no member`)
    return (await this.#commit([{ proposalType: 'remove', remove: { removed } }])).commit
  }

  /** Encrypts words for the group. */
  async say(text: string): Promise<Uint8Array> {
    const sent = await createApplicationMessage(this.#group, new TextEncoder().encode(text), this.#suite)
    this.#state = sent.newState
    return encode({ wireformat: 'mls_private_message', version: 'mls10', privateMessage: sent.privateMessage })
  }

  /** Takes one message from the wire: a Welcome, a commit or words. Throws if it does not verify or decrypt. */
  async process(bytes: Uint8Array): Promise<Processed> {
    const message = decode(bytes)
    if (message.wireformat === 'mls_welcome') {
      const { publicPackage, privatePackage } = this.#keyPackages
      this.#state = await joinGroup(message.welcome, publicPackage, privatePackage, emptyPskIndex, this.#suite)
      return { kind: 'joined' }
    }
    if (message.wireformat !== 'mls_private_message') throw new Error(`a ${message.wireformat} from the group`)
    const result = await processMessage(message, this.#group, emptyPskIndex, acceptAll, this.#suite)
    this.#state = result.newState
    if (result.kind === 'newState') return { kind: 'new epoch' }
    return { kind: 'application', text: new TextDecoder().decode(result.message) }
  }

  get #group(): ClientState {
    if (this.#state === undefined) throw new Error(`${this.name} is in no group`)
    return this.#state
  }

  /** The names by leaf index; undefined where a leaf is blank. Leaves are the even nodes (RFC 9420, appendix C). */
  get #leaves(): (string | undefined)[] {
    const leaves = this.#group.ratchetTree.filter((_, index) => index % 2 === 0)
    return leaves.map((node) => {
      if (node?.nodeType !== 'leaf' || node.leaf.credential.credentialType !== 'basic') return undefined
      return new TextDecoder().decode(node.leaf.credential.identity)
    })
  }

  async #commit(extraProposals: Proposal[]): Promise<{ commit: Uint8Array; welcome: Uint8Array | undefined }> {
    const context = { state: this.#group, cipherSuite: this.#suite }
    const { newState, commit, welcome } = await createCommit(context, { extraProposals, ratchetTreeExtension: true })
    this.#state = newState
    return {
      commit: encode(commit),
      welcome: welcome && encode({ wireformat: 'mls_welcome', version: 'mls10', welcome }),
    }
  }
}

const encode = (message: MLSMessage): Uint8Array => encodeMlsMessage(message)

function decode(bytes: Uint8Array): MLSMessage {
  const [message, end] = decodeMlsMessage(bytes, 0) ?? []
  if (message === undefined || end !== bytes.length) throw new Error('this is no MLS message')
  return message
}

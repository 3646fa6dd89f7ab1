// Ciphertext of Signal's own code through a running relay on a real Redis. libsignal is AGPL-3.0-only, a development
// dependency for these tests and for nothing else.

import { randomUUID } from 'node:crypto'
import { CiphertextMessageType, ErrorCode } from '@signalapp/libsignal-client'
import { type Test, test } from '../_util/tap.ts'
import { type Mailbox, PostOffice, type Received } from './post.ts'
import { createCertificateAuthority, type OpenedMessage, SignalPerson } from './signal.ts'

interface Contact {
  person: SignalPerson
  mailbox: Mailbox
}

type Kind = OpenedMessage['kind']

async function createContacts<const Names extends string>(
  t: Test,
  office: PostOffice,
  names: Names[],
): Promise<Record<Names, Contact>> {
  const authority = createCertificateAuthority()
  const contacts = names.map(async (name) => {
    const contact = { person: await SignalPerson.create(authority), mailbox: office.createMailbox(t) }
    return [name, contact] as const
  })
  return Object.fromEntries(await Promise.all(contacts)) as Record<Names, Contact>
}

/** Opens what `recipient` received, checks who sent it and what it says, and acknowledges it. */
async function read(t: Test, recipient: Contact, received: Received, sender: Contact, kind: Kind, text = '') {
  const opened = await recipient.person.open(received.ciphertext)
  t.equal(opened.senderAci, sender.person.aci, `${text || kind}: the sender`)
  t.ok(opened.senderKey.equals(sender.person.identityKey), `${text || kind}: the sender's identity key`)
  t.equal(opened.kind, kind, `${text || kind}: the kind`)
  t.equal(opened.text, text, `${text || kind}: the words`)
  received.ack()
  return opened
}

const numbered = (text: string, count: number) => Array.from({ length: count }, (_, index) => `${text} ${index + 1}`)

test('[protocol §4, §5] sealed sender v1 reaches an offline recipient, and both once they are online', async (t) => {
  const office = await PostOffice.start(t)
  const { alice, bob } = await createContacts(t, office, ['alice', 'bob'])
  await alice.person.startSession(bob.person)
  const fromAlice = office.overHttp()
  const fromBob = await office.overSocket(t)

  const first = numbered('Bob, are you there?', 5)
  for (const text of first) await fromAlice(bob.mailbox, await alice.person.seal(bob.person, text))
  t.not(await office.countKeys(), 0, 'what waits for Bob is in Redis')
  const waiting = await bob.mailbox.goOnline()
  t.equal(waiting.length, first.length)
  for (const [index, text] of first.entries()) {
    const opened = await read(t, bob, waiting[index] as Received, alice, 'words', text)
    t.equal(opened.messageType, CiphertextMessageType.PreKey, 'Alice has not heard of Bob yet')
  }
  t.equal(bob.person.preKeys.size, 2, 'the session took one of three one-time pre-keys')
  t.equal(bob.person.kyberPreKeys.size, 2, 'and one of three Kyber pre-keys')

  t.same(await alice.mailbox.goOnline(), [])
  for (const text of numbered('back and forth', 4)) {
    await fromBob(alice.mailbox, await bob.person.seal(alice.person, text))
    const heard = await read(t, alice, await alice.mailbox.receive(), bob, 'words', text)
    t.equal(heard.messageType, CiphertextMessageType.Whisper)
    await fromAlice(bob.mailbox, await alice.person.seal(bob.person, text))
    const answered = await read(t, bob, await bob.mailbox.receive(), alice, 'words', text)
    t.equal(answered.messageType, CiphertextMessageType.Whisper)
  }

  const burst = numbered('one after the other', 6)
  for (const text of burst) await fromBob(alice.mailbox, await bob.person.seal(alice.person, text))
  for (const text of burst) await read(t, alice, await alice.mailbox.receive(), bob, 'words', text)

  await office.waitUntilEmpty()
  await bob.mailbox.goOffline()
  t.same(await bob.mailbox.goOnline(), [], 'nothing comes back')
})

test('[protocol §5] sealed sender v1 that was read but not acknowledged comes again, and is the same', async (t) => {
  const office = await PostOffice.start(t)
  const { alice, bob } = await createContacts(t, office, ['alice', 'bob'])
  await alice.person.startSession(bob.person)
  const fromAlice = office.overHttp()
  const texts = numbered('read, then the phone fell into the river', 3)
  for (const text of texts) await fromAlice(bob.mailbox, await alice.person.seal(bob.person, text))

  const before = await bob.mailbox.goOnline()
  for (const [index, text] of texts.entries()) {
    t.equal((await bob.person.open((before[index] as Received).ciphertext)).text, text)
  }
  await bob.mailbox.goOffline()

  const after = await bob.mailbox.goOnline()
  t.same(
    after.map(({ idText, ciphertext }) => ({ idText, ciphertext })),
    before.map(({ idText, ciphertext }) => ({ idText, ciphertext })),
  )
  for (const received of after) {
    await t.rejects(bob.person.open(received.ciphertext), { code: ErrorCode.DuplicatedMessage }, 'the session knows it')
    received.ack()
  }
  await office.waitUntilEmpty()
})

test('[protocol §4, §5] sealed sender v2 fans out to a group, one member online, one offline', async (t) => {
  const office = await PostOffice.start(t)
  const { alice, bob, carol } = await createContacts(t, office, ['alice', 'bob', 'carol'])
  await alice.person.startSession(bob.person)
  await alice.person.startSession(carol.person)
  await bob.person.startSession(carol.person)
  const overHttp = office.overHttp()
  const overSocket = await office.overSocket(t)
  const group = randomUUID()

  const shareKey = async (sender: Contact, members: Contact[], deposit = overHttp) => {
    for (const member of members) {
      await deposit(member.mailbox, await sender.person.sealSenderKey(member.person, group))
    }
  }
  const say = async (sender: Contact, members: Contact[], text: string, deposit = overHttp) => {
    const people = members.map(({ person }) => person)
    const sealed = await sender.person.sealForGroup(people, group, text)
    for (const [index, member] of members.entries()) {
      const ciphertext = sealed[index] as Uint8Array
      t.equal((ciphertext[0] as number) >> 4, 2, 'this is version 2')
      await deposit(member.mailbox, ciphertext)
    }
  }

  t.same(await bob.mailbox.goOnline(), [])
  const aliceSays = numbered('Alice to all', 4)
  await shareKey(alice, [bob, carol])
  for (const text of aliceSays) await say(alice, [bob, carol], text)
  await read(t, bob, await bob.mailbox.receive(), alice, 'sender key')
  for (const text of aliceSays) await read(t, bob, await bob.mailbox.receive(), alice, 'group words', text)

  t.same(await alice.mailbox.goOnline(), [])
  const bobSays = numbered('Bob to all', 3)
  await shareKey(bob, [alice, carol], overSocket)
  for (const text of bobSays) await say(bob, [alice, carol], text, overSocket)
  await read(t, alice, await alice.mailbox.receive(), bob, 'sender key')
  for (const text of bobSays) await read(t, alice, await alice.mailbox.receive(), bob, 'group words', text)

  t.not(await office.countKeys(), 0, 'what waits for Carol is in Redis')
  const waiting = await carol.mailbox.goOnline()
  t.equal(waiting.length, 2 + aliceSays.length + bobSays.length)
  const next = () => waiting.shift() as Received
  await read(t, carol, next(), alice, 'sender key')
  for (const text of aliceSays) await read(t, carol, next(), alice, 'group words', text)
  await read(t, carol, next(), bob, 'sender key')
  for (const text of bobSays) await read(t, carol, next(), bob, 'group words', text)

  const carolSays = numbered('Carol to all', 2)
  await shareKey(carol, [alice, bob])
  for (const text of carolSays) await say(carol, [alice, bob], text)
  for (const member of [alice, bob]) {
    await read(t, member, await member.mailbox.receive(), carol, 'sender key')
    for (const text of carolSays) await read(t, member, await member.mailbox.receive(), carol, 'group words', text)
  }
  await office.waitUntilEmpty()
})

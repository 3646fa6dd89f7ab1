import { randomBytes } from 'node:crypto'
import { type Test, test } from '../_util/tap.ts'
import { MlsMember, type Processed } from './mls.ts'
import { type Mailbox, PostOffice, type Received } from './post.ts'

interface Contact {
  member: MlsMember
  mailbox: Mailbox
}

/** Lets `recipient` process what it received, checks what that did, and acknowledges it. */
async function process(t: Test, recipient: Contact, received: Received, expected: Processed) {
  t.same(await recipient.member.process(received.ciphertext), expected, `${recipient.member.name}: ${expected.kind}`)
  received.ack()
}

const words = (text: string): Processed => ({ kind: 'application', text })
const joined: Processed = { kind: 'joined' }
const newEpoch: Processed = { kind: 'new epoch' }

test('[protocol §4, §5] an MLS group lives on a relay: key packages, Welcome, commits and messages', async (t) => {
  const office = await PostOffice.start(t)
  const join = async (name: string): Promise<Contact> => {
    return { member: await MlsMember.create(name), mailbox: office.createMailbox(t) }
  }
  const [alice, bob, carol] = [await join('alice'), await join('bob'), await join('carol')]
  const overHttp = office.overHttp()
  const overSocket = await office.overSocket(t)

  // Alice is offline while the two send their key packages; Bob is online from then on, Carol is not.
  await overHttp(alice.mailbox, bob.member.keyPackage())
  await overSocket(alice.mailbox, carol.member.keyPackage())
  t.same(await bob.mailbox.goOnline(), [])
  const keyPackages = await alice.mailbox.goOnline()
  t.equal(keyPackages.length, 2)
  await alice.member.createGroup(randomBytes(16))
  const { welcome } = await alice.member.add(keyPackages.map(({ ciphertext }) => ciphertext))
  for (const received of keyPackages) received.ack()

  for (const contact of [bob, carol]) await overHttp(contact.mailbox, welcome)
  await process(t, bob, await bob.mailbox.receive(), joined)

  const aliceSays = ['welcome, you two', 'this is the first epoch', 'of the three of us']
  for (const text of aliceSays) {
    const message = await alice.member.say(text)
    for (const contact of [bob, carol]) await overHttp(contact.mailbox, message)
    await process(t, bob, await bob.mailbox.receive(), words(text))
  }

  const update = await bob.member.update()
  for (const contact of [alice, carol]) await overSocket(contact.mailbox, update)
  await process(t, alice, await alice.mailbox.receive(), newEpoch)
  const bobSays = ['new keys', 'so whoever had the old ones reads no more']
  for (const text of bobSays) {
    const message = await bob.member.say(text)
    for (const contact of [alice, carol]) await overSocket(contact.mailbox, message)
    await process(t, alice, await alice.mailbox.receive(), words(text))
  }

  t.not(await office.countKeys(), 0, 'what waits for Carol is in Redis')
  const waiting = await carol.mailbox.goOnline()
  const expected = [joined, ...aliceSays.map(words), newEpoch, ...bobSays.map(words)]
  t.equal(waiting.length, expected.length)
  for (const [index, result] of expected.entries()) await process(t, carol, waiting[index] as Received, result)
  for (const { member } of [alice, bob, carol]) {
    t.equal(member.epoch, 2n)
    t.equal(member.epochAuthenticator, alice.member.epochAuthenticator, `${member.name} is in the same epoch`)
    t.same(member.members, ['alice', 'bob', 'carol'])
  }

  const carolSays = await carol.member.say('I was away, and missed nothing')
  for (const contact of [alice, bob]) {
    await overHttp(contact.mailbox, carolSays)
    await process(t, contact, await contact.mailbox.receive(), words('I was away, and missed nothing'))
  }

  const removal = await alice.member.remove('carol')
  await overHttp(bob.mailbox, removal)
  await process(t, bob, await bob.mailbox.receive(), newEpoch)
  const afterwards = await bob.member.say('just us now')
  for (const contact of [alice, carol]) await overSocket(contact.mailbox, afterwards)
  await process(t, alice, await alice.mailbox.receive(), words('just us now'))
  const unreadable = await carol.mailbox.receive()
  await t.rejects(carol.member.process(unreadable.ciphertext), 'Carol is out, and acknowledges what she cannot open')
  unreadable.ack()

  await office.waitUntilEmpty()
})

import { randomBytes } from 'node:crypto'
import { createEnvelope, createMailbox, type Deposit, depositFrame, numbersOf, range } from './client.ts'
import { connectDeposit, DepositSocket } from './deposit-socket.ts'
import { fetchFrom } from './http.ts'
import { connectMailbox, MailboxSocket, peek } from './mailbox-socket.ts'
import { CLOSE, checkProblem, numberOf } from './problems.ts'
import { Socket } from './socket.ts'
import { forBothStores } from './stores.ts'

const PATHS = ['/v1/deposit', '/v1/mailbox']

/** A DEPOSIT for a new mailbox. */
function someDeposit(ref: number, sizeBytes = 4_000): Deposit {
  const envelope = sizeBytes < 4 ? randomBytes(sizeBytes) : createEnvelope(sizeBytes)
  return { ref, ttl: 600, address: createMailbox().address, envelope }
}

forBothStores('handshake', async (t, relay) => {
  await t.test('[protocol §5] lethe.v1 must be offered', async (t) => {
    for (const path of PATHS) {
      for (const protocols of [[], ['lethe.v2'], ['mqtt', 'lethe'], ['lethe.v1.1']]) {
        const refusal = await new Socket(relay.wsUrl + path, { protocols }).refusal()
        checkProblem(t, refusal, 'ERR_MALFORMED', `${path} with [${protocols}]`)
      }
    }
  })

  await t.test('[protocol §5] lethe.v1 is answered, also where it is one of many', async (t) => {
    for (const path of PATHS) {
      for (const protocols of [['lethe.v1'], ['lethe.v2', 'lethe.v1', 'mqtt']]) {
        const socket = await new Socket(relay.wsUrl + path, { protocols }).opened()
        t.equal(socket.agreed.protocol, 'lethe.v1')
        await socket.close()
      }
    }
  })

  await t.test('[protocol §5] no extensions', async (t) => {
    for (const path of PATHS) {
      const socket = await new Socket(relay.wsUrl + path, { offerCompression: true }).opened()
      t.equal(socket.agreed.extensions, '')
      await socket.close()
    }
  })

  await t.test('[protocol §6] no socket where there is no route', async (t) => {
    for (const path of ['/v1/nothing', '/v1/deposit/x', '/v1']) {
      checkProblem(t, await new Socket(relay.wsUrl + path).refusal(), 'ERR_NOT_FOUND', path)
    }
  })
})

forBothStores('deposit over WebSocket', async (t, relay) => {
  await t.test('[protocol §4] ACCEPTED once it is stored, with the ref', async (t) => {
    const socket = await connectDeposit(relay)
    const mailbox = createMailbox()
    for (const ref of [0, 1, 0x01020304, 0x80000000, 0xffffffff]) {
      socket.deposit({ ref, ttl: 0xffffffff, address: mailbox.address, envelope: createEnvelope(4_000, ref) })
      t.same(await socket.answer(), { type: 'ACCEPTED', ref })
    }
    const { envelopes } = await fetchFrom(relay, mailbox, { slots: 16 })
    t.same(numbersOf(envelopes), [0, 1, 0x01020304, 0x80000000, 0xffffffff])
    t.same(await socket.rest(), [], 'one answer each')
    await socket.close()
  })

  await t.test('[protocol §4] from 41 bytes on a frame is judged by the length of its envelope', async (t) => {
    const socket = await connectDeposit(relay)
    for (const [ref, sizeBytes] of [0, 1, 58, 3_999, 4_001, 8_000, 63_999].entries()) {
      socket.deposit(someDeposit(ref, sizeBytes))
      t.same(await socket.answer(), { type: 'ERROR', ref, code: numberOf('ERR_ENVELOPE_SIZE') }, `${sizeBytes} bytes`)
    }
    for (const sizeBytes of [4_000, 64_000]) {
      socket.deposit(someDeposit(9, sizeBytes))
      t.same(await socket.answer(), { type: 'ACCEPTED', ref: 9 }, 'and the socket stays')
    }
    await socket.close()
  })

  await t.test('[protocol §6] what does not parse closes 4400 without a frame', async (t) => {
    const whole = depositFrame(someDeposit(1, 0))
    const frames = {
      'an empty frame': Buffer.alloc(0),
      'one byte': whole.subarray(0, 1),
      '40 bytes': whole.subarray(0, 40),
      'an unknown type': Buffer.concat([Buffer.of(0x7f), whole.subarray(1), createEnvelope(4_000)]),
      'type 0': Buffer.alloc(4_041),
      'ACK of a mailbox socket': Buffer.concat([Buffer.of(0x03), randomBytes(2)]),
      "the relay's own ACCEPTED": Buffer.of(0x81, 0, 0, 0, 1),
      'a text frame': depositFrame(someDeposit(1)).toString('latin1'),
      'an empty text frame': '',
    }
    for (const [name, frame] of Object.entries(frames)) {
      const socket = await connectDeposit(relay)
      socket.send(frame)
      t.equal(await socket.closeCode(), CLOSE.malformed, name)
    }
  })

  await t.test('[protocol §6] a frame larger than any DEPOSIT closes 1009', async (t) => {
    for (const sizeBytes of [64_001, 65_536, 2_000_000]) {
      const socket = await connectDeposit(relay)
      socket.deposit(someDeposit(1, sizeBytes))
      t.equal(await socket.closeCode(), CLOSE.tooLarge, `${sizeBytes} bytes of envelope`)
    }
  })

  await t.test('[protocol §5] fragments are joined, and limits apply to the whole', async (t) => {
    const socket = await connectDeposit(relay)
    const mailbox = createMailbox()
    const envelope = createEnvelope(4_000, 77)
    const frame = depositFrame({ ref: 5, ttl: 600, address: mailbox.address, envelope })
    const cuts = [0, 1, 3, 40, 41, 2_000, 2_000, frame.length]
    socket.sendFragments(cuts.slice(1).map((end, index) => frame.subarray(cuts[index], end)))
    t.same(await socket.answer(), { type: 'ACCEPTED', ref: 5 })
    const [received] = await peek(relay, mailbox)
    t.ok(received?.envelope.equals(envelope), 'joined in their order')
    const large = depositFrame(someDeposit(6, 64_001))
    socket.sendFragments([large.subarray(0, 40_000), large.subarray(40_000)])
    t.equal(await socket.closeCode(), CLOSE.tooLarge)
  })

  await t.test('[protocol §4] hundreds of frames without waiting: in order per mailbox, one answer each', async (t) => {
    const socket = await connectDeposit(relay)
    const mailboxes = [createMailbox(), createMailbox(), createMailbox()]
    const deposits = range(0, 300).map((ref) => {
      const address = mailboxes[ref % 3]?.address ?? Buffer.alloc(0)
      return { ref, ttl: 86_400, address, envelope: createEnvelope(4_000, ref) }
    })
    const answers = await socket.depositAll(deposits)
    t.same(
      answers,
      range(0, 300).map((ref) => ({ type: 'ACCEPTED', ref })),
    )
    for (const [index, mailbox] of mailboxes.entries()) {
      const reader = await connectMailbox(relay)
      await reader.open(1, mailbox)
      const expected = range(0, 100).map((turn) => turn * 3 + index)
      t.same(numbersOf(await reader.takeAll(1)), expected)
      await reader.close()
    }
    await socket.close()
  })

  await t.test('[protocol §4] refs belong to the client: the same one may be under way twice', async (t) => {
    const socket = await connectDeposit(relay)
    const answers = await socket.depositAll([someDeposit(7), someDeposit(7, 5), someDeposit(7)])
    t.equal(answers.filter(({ type }) => type === 'ACCEPTED').length, 2)
    t.equal(answers.filter(({ ref }) => ref === 7).length, 3)
    await socket.close()
  })

  await t.test('[protocol §6] a sender that breaks the rules hinders no other', async (t) => {
    const steady = await connectDeposit(relay)
    for (let round = 0; round < 10; round++) {
      const broken = await connectDeposit(relay)
      broken.deposit(someDeposit(1))
      broken.send(randomBytes(20))
      steady.deposit(someDeposit(round))
      t.same(await steady.answer(), { type: 'ACCEPTED', ref: round })
      broken.terminate()
    }
    await steady.close()
  })

  await t.test('[protocol §6] random frames end in nothing but the codes of section 6', async (t) => {
    const allowed = [CLOSE.malformed, CLOSE.tooLarge, CLOSE.failedOpens] as number[]
    for (let round = 0; round < 30; round++) {
      const isDeposit = round % 2 === 0
      const socket = isDeposit ? new DepositSocket(`${relay.wsUrl}/v1/deposit`) : new MailboxSocket(relay)
      await socket.opened()
      const frames = range(0, 6).map((turn) => {
        const frame = randomBytes(turn % 2 === 0 ? 99 : 1 + Math.floor(Math.random() * 200))
        frame.writeUInt8(1 + (turn % 3), 0)
        return frame
      })
      for (const frame of frames) socket.send(frame)
      const last = (await socket.rest(60)).at(-1)
      const good = last?.kind !== 'close' || allowed.includes(last.code)
      t.ok(good, `${JSON.stringify(last)} after ${frames.map((frame) => frame.toString('hex'))}`)
      socket.terminate()
    }
    t.equal((await peek(relay, createMailbox())).length, 0, 'and the relay serves')
  })
})

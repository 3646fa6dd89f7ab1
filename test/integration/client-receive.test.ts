import { connectMailboxes, createHttpReceiver, createMailbox, receive } from '../../src/client/index.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import {
  depositNumbers,
  numberIn,
  range,
  receiving,
  startProxiedRelay,
  startTestRelay,
  take,
  WebSocket,
} from './client-setup.ts'

test('[protocol §5] what waited and what comes is received in order, and acknowledged it is gone', async (t) => {
  const relay = await startTestRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, range(1, 100))
  let drained = 0
  const envelopes = receive({ ...receiving(relay.url), mailbox, onDrained: () => drained++ })
  const waited: number[] = []
  for (const number of range(1, 100)) {
    const [envelope] = await take(envelopes, 1)
    if (envelope === undefined) break
    waited.push(numberIn(envelope))
    t.equal(drained, 0, `not drained before ${number}`)
    envelope.ack()
  }
  t.same(waited, range(1, 100))
  const live = take(envelopes, 5)
  await eventually(() => drained === 1)
  await depositNumbers(relay.url, mailbox.address, range(101, 105))
  const came = await live
  t.same(came.map(numberIn), range(101, 105))
  for (const { ack } of came) ack()
  await envelopes.return?.()
  const http = createHttpReceiver({ relay: relay.url, mailbox })
  await eventually(async () => {
    const { envelopes: left, waiting } = await http.fetchEnvelopes()
    return left.length === 0 && !waiting.includes(true)
  })
  t.equal(drained, 1, 'a session that had caught up is not told so again')
})

test('untilDrained ends when everything that waited has been given out, be it nothing', async (t) => {
  const relay = await startTestRelay(t)
  const mailbox = createMailbox()
  const receiveAll = async () => {
    const found: number[] = []
    for await (const envelope of receive({ ...receiving(relay.wsUrl), mailbox, untilDrained: true })) {
      found.push(numberIn(envelope))
      envelope.ack()
    }
    return found
  }
  t.same(await receiveAll(), [])
  await depositNumbers(relay.url, mailbox.address, range(1, 40))
  t.same(await receiveAll(), range(1, 40))
  t.same(await receiveAll(), [])
})

test('[protocol §5] no more than a window is unacknowledged, and what is acknowledged makes room', async (t) => {
  const relay = await startTestRelay(t, { LETHE_WINDOW: '4' })
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, range(1, 6))
  const envelopes = receive({ ...receiving(relay.url), mailbox })
  const first = await take(envelopes, 4)
  t.same(first.map(numberIn), [1, 2, 3, 4])
  let fifth: unknown
  const next = take(envelopes, 1).then(([envelope]) => {
    fifth = envelope
  })
  // Time enough for a fifth to come, and if it were not, the test would only be milder.
  await depositNumbers(relay.url, mailbox.address, range(7, 20))
  t.equal(fifth, undefined)
  first[2]?.ack()
  await next
  t.match(fifth, { id: /^[\w-]{22}$/ })
  await envelopes.return?.()
})

test('leaving the loop sends what was acknowledged and closes the connection; the rest stays', async (t) => {
  const { proxy } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(proxy.url, mailbox.address, range(1, 5))
  const seen: number[] = []
  for await (const envelope of receive({ ...receiving(proxy.url), mailbox })) {
    seen.push(numberIn(envelope))
    if (seen.length === 3) break
    envelope.ack()
  }
  const http = createHttpReceiver({ relay: proxy.url, mailbox })
  await eventually(async () => {
    const { envelopes } = await http.fetchEnvelopes()
    return envelopes.map(numberIn).join() === '3,4,5'
  })
  t.same(seen, [1, 2, 3])
})

test('nothing is sent before the first envelope is asked for', async (t) => {
  const { proxy } = await startProxiedRelay(t)
  const envelopes = receive({ ...receiving(proxy.url), mailbox: createMailbox() })
  await envelopes.return?.()
  t.same(await envelopes.next(), { done: true, value: undefined })
  t.equal(proxy.connections, 0)
})

test('[protocol §5] the newest receiver wins; the one before ends with an error and does not come back', async (t) => {
  const { proxy } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  const older = receive({ ...receiving(proxy.url), mailbox })
  const ended = older.next()
  await eventually(() => proxy.connections === 1)
  const opened = new Promise<void>((resolve) => {
    const newer = receive({ ...receiving(proxy.url), mailbox, onDrained: resolve })
    t.teardown(() => newer.return?.())
    void newer.next()
  })
  await t.rejects(ended, { name: 'DisplacedError', code: 'ERR_DISPLACED' })
  await opened
  t.same(await older.next(), { done: true, value: undefined })
  await eventually(() => proxy.open === 1)
  t.equal(proxy.connections, 2)
})

test('[protocol §6] a signature for another origin is refused at once, and not tried again', async (t) => {
  const { proxy } = await startProxiedRelay(t, { LETHE_PUBLIC_ORIGIN: 'https://relay.example' })
  const envelopes = receive({ ...receiving(proxy.url), mailbox: createMailbox() })
  await t.rejects(envelopes.next(), { name: 'RelayError', code: 'ERR_SIGNATURE' })
  t.same(await envelopes.next(), { done: true, value: undefined })
  await eventually(() => proxy.open === 0)
  t.equal(proxy.connections, 1)
})

test('several mailboxes share one socket and do not disturb each other', async (t) => {
  const { proxy } = await startProxiedRelay(t)
  const connection = connectMailboxes(receiving(proxy.url))
  t.teardown(() => connection.close())
  const mailboxes = range(1, 5).map(() => createMailbox())
  const all = mailboxes.map((mailbox) => connection.receive(mailbox))
  const firsts = all.map((envelopes) => take(envelopes, 1))
  await eventually(() => proxy.connections === 1)
  for (const [i, { address }] of mailboxes.entries()) await depositNumbers(proxy.url, address, [i])
  const came = (await Promise.all(firsts)).flat()
  t.same(came.map(numberIn), [0, 1, 2, 3, 4])
  const before = proxy.connections
  await all[0]?.return?.()
  const next = take(all[1] as (typeof all)[0], 1)
  await depositNumbers(proxy.url, (mailboxes[1] as (typeof mailboxes)[0]).address, [99])
  t.same((await next).map(numberIn), [99])
  const again = take(connection.receive(mailboxes[0] as (typeof mailboxes)[0]), 1)
  t.same((await again).map(numberIn), [0], 'a mailbox can be opened again, and what was not acknowledged comes again')
  t.ok(proxy.connections <= before + 1, 'on the same socket; the other connection is that of a deposit')
  connection.close()
  for (const envelopes of all) t.same(await envelopes.next(), { done: true, value: undefined })
})

test('[protocol §5] the same mailbox twice on one socket: the newer one wins', async (t) => {
  const relay = await startTestRelay(t)
  const connection = connectMailboxes(receiving(relay.url))
  t.teardown(() => connection.close())
  const mailbox = createMailbox()
  const older = connection.receive(mailbox)
  const ended = older.next()
  const newer = connection.receive(mailbox)
  const next = take(newer, 1)
  await t.rejects(ended, { code: 'ERR_DISPLACED' })
  await depositNumbers(relay.url, mailbox.address, [1])
  t.same((await next).map(numberIn), [1])
})

test('[protocol §6] more mailboxes than allowed: the last one ends with an error, the others go on', async (t) => {
  const { proxy } = await startProxiedRelay(t, { LETHE_MAX_CHANNELS: '2' })
  const connection = connectMailboxes(receiving(proxy.url))
  t.teardown(() => connection.close())
  const mailboxes = range(0, 3).map(() => createMailbox()) as [Mailbox, Mailbox, Mailbox, Mailbox]
  const first = connection.receive(mailboxes[0])
  const firstNext = take(first, 1)
  const second = connection.receive(mailboxes[1])
  const secondNext = take(second, 1)
  const third = connection.receive(mailboxes[2])
  await t.rejects(third.next(), { name: 'RelayError', code: 'ERR_TOO_MANY_CHANNELS' })
  await depositNumbers(proxy.url, mailboxes[0].address, [1])
  t.same((await firstNext).map(numberIn), [1])

  // Every OPEN counts against the limit, so room is made by a new connection.
  await first.return?.()
  const fourthNext = take(connection.receive(mailboxes[3]), 1)
  await depositNumbers(proxy.url, mailboxes[3].address, [4])
  t.same((await fourthNext).map(numberIn), [4])
  await depositNumbers(proxy.url, mailboxes[1].address, [2])
  t.same((await secondNext).map(numberIn), [2])
})

type Mailbox = ReturnType<typeof createMailbox>

test('without WebSocket it says so at once', async (t) => {
  const mailbox = createMailbox()
  t.throws(() => receive({ relay: 'nowhere', mailbox, WebSocket }), { code: 'ERR_RELAY_URL' })
  if (!('WebSocket' in globalThis)) {
    t.throws(() => receive({ relay: 'http://localhost', mailbox }), { code: 'ERR_NO_WEBSOCKET' })
  }
})

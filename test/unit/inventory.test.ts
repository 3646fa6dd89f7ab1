import { readFileSync } from 'node:fs'
import { configRows } from '../../src/config/schema.ts'
import { LIFETIMES, SHORT_LINES } from '../../src/disclosure/field.ts'
import { INVENTORY } from '../../src/disclosure/inventory.ts'
import { inventoryJson, inventoryMarkdown, inventoryText } from '../../src/disclosure/render-inventory.ts'
import { summarizeInventory } from '../../src/disclosure/summary.ts'
import { bucketOf, deriveQueue } from '../../src/mailbox/sealing.ts'
import { parseAckRequest, parseFetchRequest } from '../../src/protocol/signed-requests.ts'
import * as keys from '../../src/store/redis/keys.ts'
import { EVENTS } from '../../src/telemetry/events.ts'
import { METRICS } from '../../src/telemetry/metrics.ts'
import { test } from '../_util/tap.ts'
import { FRAMES, listed, members, messages } from './inventory-sources.ts'

const queue = deriveQueue(Buffer.alloc(32, 1), Buffer.alloc(32, 2))

test('Redis: the forms of keys and channels are those of keys.ts', async (t) => {
  const forms = Object.keys(keys.REDIS_NAMES)
  const parts = new Set(INVENTORY.filter(({ place }) => place === 'redis').map(({ part }) => part.split(' ')[0]))
  t.same([...parts].sort(), [...forms, 'server'].sort())
})

test('Redis: keys.ts makes no name of a form that its table lacks', async (t) => {
  const matches = (name: string) => Object.entries(keys.REDIS_NAMES).filter(([, { pattern }]) => pattern.test(name))
  const made: Record<string, string[]> = {
    bucketKey: [keys.bucketKey(bucketOf(queue, 0, 0, 60))],
    partitionChannel: [keys.partitionChannel(0xabc)],
    wakeChannel: ([12, 16, 20, 24] as const).map((bits) => keys.wakeChannel(queue, bits)),
  }
  for (const name of Object.values(made).flat()) t.equal(matches(name).length, 1, name)
  t.equal(
    new Set(
      Object.values(made)
        .flat()
        .flatMap(matches)
        .map(([form]) => form),
    ).size,
    3,
    'and each form is used',
  )
  const makers = Object.entries(keys).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []))
  t.same(makers.sort(), [...Object.keys(made), 'hashTag'].sort(), 'a new function that makes names needs a line here')
})

test('Redis: the messages are those that relays understand', async (t) => {
  const isMessage = (part: string) => part.startsWith('lethe1:{ppp}:w ')
  const inInventory = listed('redis', isMessage).map((line) => line.replace('lethe1:{ppp}:w ', ''))
  t.same(inInventory, messages())
})

test('log: the events and their fields are those of events.ts', async (t) => {
  const lines = Object.entries(EVENTS).flatMap(([event, { fields }]) =>
    ['level', 'time', 'event', ...Object.keys(fields)].map((field) => `${event} | ${field}`),
  )
  t.same(listed('log'), lines.sort())
})

test('metrics: names and labels are those of metrics.ts', async (t) => {
  const lines = Object.values(METRICS).flatMap(({ name, labels }) =>
    ['value', ...Object.keys(labels).map((label) => `label ${label}`)].map((field) => `${name} | ${field}`),
  )
  t.same(listed('metric'), lines.sort())
})

test('environment: the variables are those of the schema', async (t) => {
  const variables = configRows.flatMap(([, { env, file }]) => (file ? [env, `${env}_FILE`] : [env]))
  t.same(listed('environment'), variables.map((variable) => `variable | ${variable}`).sort())
})

test('answers: the frames of both sockets are those that the protocol can parse', async (t) => {
  const [onMailbox, onDeposit] = ['GET /v1/mailbox ', 'GET /v1/deposit '].map((start) =>
    listed('response', (part) => part.startsWith(start)).map((line) => line.slice(start.length)),
  )
  t.same(onMailbox, FRAMES.mailboxReplies())
  t.same(onDeposit, FRAMES.depositReplies())
})

test('memory: every field that a client sends in a frame or a signed request', async (t) => {
  const fieldsOf = (part: string) => listed('memory', (name) => name === part).map((line) => line.split(' | ')[1])
  const sent = (lines: readonly string[]) => [...new Set(lines.map((line) => line.split(' | ')[1]))].sort()
  t.same(fieldsOf('OPEN, ACK, CLOSE'), sent(FRAMES.mailboxRequests()))
  const ofRelay = ['keys of the queue', 'sealed envelope', 'addresses on their way']
  t.same(fieldsOf('deposit'), [...sent(FRAMES.depositRequests()), ...ofRelay].sort())
  const fetch = Buffer.alloc(107)
  fetch[42] = 1
  const requests = [parseFetchRequest(fetch, [1]), parseAckRequest(Buffer.alloc(120))]
  const fields = requests.flatMap(({ request }) => Object.keys(request))
  t.same(fieldsOf('signed request'), [...new Set([...fields, 'signature', 'keys of the queue'])].sort())
})

test('memory: every class member that can hold something is in the inventory, and none that is gone', async (t) => {
  const { all, holders } = members()
  t.ok(holders.length > 20, 'the members are found')
  const heldIn = new Set(INVENTORY.flatMap(({ heldIn = [] }) => heldIn))
  t.same(
    holders.filter((member) => !heldIn.has(member)),
    [],
    'not in the inventory: add it to heldIn of what it holds, in src/disclosure/inventory-memory.ts or inventory-process.ts',
  )
  t.same(
    [...heldIn].filter((member) => !all.has(member)),
    [],
    'in the inventory, and gone from the source',
  )
})

test('every field says what it tells, how long, to whom and why, and is there once', async (t) => {
  const ids = INVENTORY.map(({ place, part, name }) => `${place} | ${part} | ${name}`)
  t.same(
    ids.filter((id, i) => ids.indexOf(id) !== i),
    [],
    'none twice',
  )
  for (const { part, name, tells, why, seenBy } of INVENTORY) {
    t.ok(tells.length > 2 && why.length > 10 && seenBy.length > 0, `${part} | ${name}`)
  }
})

test('what people are told in short stands for everything that lives as long as an envelope or a connection', async (t) => {
  const waiting = ['envelope', 'bucket']
  const connected = ['request', 'storing', 'proof', 'open', 'connection']
  t.ok([...waiting, ...connected].every((lifetime) => Object.hasOwn(LIFETIMES, lifetime)))
  for (const { part, name, lives, short } of INVENTORY) {
    const lines = waiting.includes(lives) ? SHORT_LINES.waiting : connected.includes(lives) ? SHORT_LINES.connected : {}
    t.equal(short !== undefined, Object.keys(lines).length > 0, `${part} | ${name} has a line if it needs one`)
    if (short !== undefined) t.ok(Object.hasOwn(lines, short), `${part} | ${name} has one that fits its lifetime`)
  }
  const { whileWaiting, whileConnected, logged, counted, neverHeld } = summarizeInventory()
  t.same(whileWaiting, Object.values(SHORT_LINES.waiting), 'and each line stands for something')
  t.same(whileConnected, Object.values(SHORT_LINES.connected))
  t.same([...logged].sort(), Object.keys(EVENTS).sort())
  t.same(
    [...counted].sort(),
    Object.values(METRICS)
      .map(({ name }) => name)
      .sort(),
  )
  t.ok(neverHeld.length > 5)
})

test('docs/data-inventory.md is what `lethe inventory --markdown` prints', async (t) => {
  const text = readFileSync(new URL('../../../docs/data-inventory.md', import.meta.url), 'utf8')
  t.ok(
    text === inventoryMarkdown(),
    'stale: npm run build && node build/src/cli/main.js inventory --markdown > docs/data-inventory.md',
  )
})

test('the inventory for programs and for a terminal has every field too', async (t) => {
  const { fields } = JSON.parse(inventoryJson())
  t.equal(fields.length, INVENTORY.length)
  t.equal(fields[0].lives, LIFETIMES.bucket)
  const text = inventoryText()
  for (const { name, tells } of INVENTORY) t.ok(text.includes(`${name}: ${tells}\n`), name)
})

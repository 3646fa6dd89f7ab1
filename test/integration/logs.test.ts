import { spawn } from 'node:child_process'
import { request as send } from 'node:http'
import { fileURLToPath } from 'node:url'
import { EVENTS, type EventName } from '../../src/telemetry/events.ts'
import { exited, killOnExit } from '../_util/child-process.ts'
import { findFreePort } from '../_util/ports.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import {
  ackBody,
  createMailbox,
  depositFrame,
  fetchBody,
  type Mailbox,
  openFrame,
  openSignature,
  range,
} from '../conformance/client.ts'
import { DepositSocket } from '../conformance/deposit-socket.ts'
import { MailboxSocket } from '../conformance/mailbox-socket.ts'
import { terminateAll } from '../conformance/socket.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { brokenRequests, strangeRequests, upgrades } from './hostile-requests.ts'
import { CANARY, exchange, exchangeToEnd } from './raw-http.ts'

/** Where the clients connect from: no other address of this machine. */
const PEER = '127.0.0.77'
const PASSWORD = `${CANARY}Password`
const STORE_SECRET = createStoreSecret()
const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
/** An envelope of text, so that it would be seen in any form. */
const ENVELOPE = Buffer.alloc(4_000, `${CANARY}Envelope `)
const EVERY_LINE = ['level', 'time', 'event']

/** One request from PEER with a canary in whatever names a client. */
function ask(relay: Relay, method: string, path: string, body?: Buffer, more = {}): Promise<number> {
  const { hostname, port } = new URL(relay.url)
  const headers = { 'User-Agent': CANARY, Referer: `http://${CANARY}/`, Cookie: CANARY, Authorization: CANARY, ...more }
  return new Promise((resolve, reject) => {
    const options = { hostname, port, path, method, headers, localAddress: PEER, agent: false }
    const outgoing = send(options, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0))
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

function post(relay: Relay, path: string, body: Buffer): Promise<number> {
  return ask(relay, 'POST', `${path}?${CANARY}`, body, { 'Content-Type': 'application/octet-stream' })
}

/** Everything that a client can do over HTTP, right and wrong. */
async function useHttp(relay: Relay, mailbox: Mailbox): Promise<void> {
  const envelope = Buffer.concat([mailbox.address, ENVELOPE])
  const stale = fetchBody(mailbox, relay.origin, { time: 60 })
  await post(relay, '/v1/deposit', envelope)
  await post(relay, '/v1/deposit', envelope.subarray(1))
  await post(relay, '/v1/deposit', Buffer.concat(Array(20).fill(envelope)))
  await post(relay, '/v1/mailbox/fetch', fetchBody(mailbox, relay.origin, { slots: 4 }))
  await post(relay, '/v1/mailbox/fetch', fetchBody(mailbox, `http://${CANARY}`))
  await post(relay, '/v1/mailbox/fetch', stale)
  await post(relay, '/v1/mailbox/ack', ackBody(mailbox, relay.origin, ['ab'.repeat(16)]))
  await post(relay, '/v1/mailbox/ack', Buffer.from(CANARY))
  for (const path of ['/', '/v1/info', '/v1/deposit', `/${CANARY}`, `/%zz${CANARY}`]) await ask(relay, 'GET', path)
  await ask(relay, 'OPTIONS', '/v1/deposit')
  await ask(relay, 'DELETE', '/v1/mailbox')
}

/** Everything that a client can do on sockets, right and wrong. */
async function useSockets(relay: Relay, mailbox: Mailbox): Promise<void> {
  const options = { headers: { 'User-Agent': CANARY, Origin: `http://${CANARY}` } }
  const deposit = (ref: number) => depositFrame({ ref, ttl: 600, address: mailbox.address, envelope: ENVELOPE })
  const sender = await new DepositSocket(`${relay.wsUrl}/v1/deposit?${CANARY}`, options).opened()
  for (const ref of range(0, 20)) sender.send(deposit(ref))
  for (const _ of range(0, 20)) await sender.answer()
  const reader = await (await new MailboxSocket(relay, options).opened()).hello()
  reader.send(openFrame(1, mailbox.publicKey, Buffer.alloc(64)))
  reader.send(openFrame(2, mailbox.publicKey, openSignature(mailbox, relay.origin, reader.nonce)))
  await eventually(async () => (await reader.frame()).type === 'ENVELOPE')
  const other = await (await new MailboxSocket(relay, options).opened()).hello()
  await other.open(1, mailbox)
  sender.send(Buffer.from(CANARY))
  reader.send(CANARY)
  other.send(Buffer.alloc(70_000, CANARY))
  for (const socket of [sender, reader, other]) await socket.rest(2_000)
}

async function useHostile(relay: Relay): Promise<void> {
  for (const { bytes, ends } of [...brokenRequests(), ...strangeRequests(), ...upgrades(['/v1/mailbox'])]) {
    await (ends ? exchangeToEnd : exchange)(relay, bytes)
  }
}

function checkLines(t: Test, relay: { stderr(): string }): Record<string, unknown>[] {
  const lines = relay.stderr().trimEnd().split('\n')
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  for (const [index, line] of parsed.entries()) {
    const row = EVENTS[line.event as EventName]
    const allowed = row ? [...EVERY_LINE, ...Object.keys(row.fields)] : []
    const others = Object.keys(line).filter((field) => !allowed.includes(field))
    if (others.length > 0) t.fail(`no field of the event: ${others} in ${lines[index]}`)
  }
  return parsed
}

/** In every form that bytes are usually written in. */
function formsOf(bytes: Buffer): string[] {
  return [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('latin1')]
}

function checkSecrets(t: Test, written: string, mailboxes: readonly Mailbox[]): void {
  const ofMailboxes = mailboxes.flatMap(({ address, publicKey }) => [...formsOf(address), ...formsOf(publicKey)])
  const ofEnvelope = formsOf(ENVELOPE.subarray(0, 30)).map((form) => form.slice(0, 30))
  const secrets = [...ofMailboxes, ...ofEnvelope, CANARY, PASSWORD, STORE_SECRET, PEER]
  const lowerCase = written.toLowerCase()
  t.same(
    secrets.filter((secret) => lowerCase.includes(secret.toLowerCase())),
    [],
    'nothing of what was sent, by whom, and with which secrets was written down',
  )
}

async function isReady(relay: Relay): Promise<boolean> {
  return (await fetch(`${relay.adminUrl}/readyz`)).status === 200
}

/** A Redis that fails in every way that a relay can meet. */
async function troubleStore(redis: RedisServer, relay: Relay, mailbox: Mailbox): Promise<void> {
  const cli = (...args: string[]) => redis.cli('-a', PASSWORD, '--no-auth-warning', ...args)
  const deposit = () => post(relay, '/v1/deposit', Buffer.concat([mailbox.address, ENVELOPE]))
  await cli('CONFIG', 'SET', 'maxmemory', '1')
  for (const _ of range(0, 20)) await deposit()
  await cli('CONFIG', 'SET', 'maxmemory', '0')
  await cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await deposit()
  await eventually(() => isReady(relay))
  await redis.kill()
  for (const _ of range(0, 20)) await deposit()
  await eventually(async () => !(await isReady(relay)))
  await redis.restart()
  await eventually(() => isReady(relay))
}

test('[protocol §1] a busy relay writes down nothing of what passes through it', async (t) => {
  const redis = await startRedis({ args: ['--requirepass', PASSWORD] })
  t.teardown(() => redis.stop())
  const relay = await startRelay({
    LETHE_LOG_LEVEL: 'debug',
    LETHE_REDIS_URL: `redis://:${PASSWORD}@127.0.0.1:${redis.port}`,
    LETHE_STORE_SECRET: STORE_SECRET,
    LETHE_OPERATOR_NAME: CANARY,
  })
  t.teardown(() => relay.kill())
  t.teardown(terminateAll)
  const mailboxes = range(0, 8).map(() => createMailbox())
  const use = async () => {
    for (const mailbox of mailboxes) {
      await useHttp(relay, mailbox)
      await useSockets(relay, mailbox)
    }
    await useHostile(relay)
  }
  await use()
  const before = relay.stderr()
  await use()
  t.equal(relay.stderr(), before, 'no line for a request, an envelope, or a connection')
  await troubleStore(redis, relay, mailboxes[0] as Mailbox)
  await use()
  t.equal(await relay.stop(), 0)
  const events = checkLines(t, relay).map(({ event }) => event)
  for (const event of ['listening', 'store-down', 'store-replaced', 'store-fault', 'draining', 'stopped']) {
    t.ok(events.includes(event), `what happened to the store and to itself was written: ${event}`)
  }
  t.notOk(events.includes('internal-error'), 'nothing of it was unforeseen')
  t.ok(events.length < 40, `${events.length} lines about all that`)
  t.equal(relay.stdout(), '', 'and nothing to standard output')
  checkSecrets(t, relay.stdout() + relay.stderr(), mailboxes)
})

/** What a relay is made to do when it gets SIGUSR2, by code that is loaded before its own. */
const CRASHES = {
  'an exception': `throw new RangeError('${CANARY}')`,
  'a rejection': `Promise.reject(new RangeError('${CANARY}', { cause: '${CANARY}' }))`,
  'an exception that is no error': `throw { ${CANARY}: '${CANARY}', stack: '${CANARY}' }`,
}

for (const [name, code] of Object.entries(CRASHES)) {
  test(`a relay that crashes says where, not what: ${name}`, async (t) => {
    const preload = `data:text/javascript,process.on('SIGUSR2', () => { ${code} })`
    const { PATH = '', HOME = '' } = process.env
    const port = String(await findFreePort())
    const env = { PATH, HOME, LETHE_PORT: port, LETHE_ADMIN_PORT: '0' }
    const child = spawn(process.execPath, ['--import', preload, CLI, 'serve'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    killOnExit(child)
    let written = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        written += chunk
      })
    }
    await eventually(() => written.includes('"listening"'), { timeoutMs: 30_000 })
    const ended = exited(child)
    child.kill('SIGUSR2')
    t.equal(await ended, 70)
    await eventually(() => written.includes('"crashed"'))
    t.notMatch(written, new RegExp(CANARY), 'no message')
  })
}

/**
 * How many envelopes a second one relay and one Redis carry, from deposit to acknowledgement, and whether any is lost:
 * `npm run throughput`. Relay and Redis share the first processor, the clients have the second, where taskset is there.
 * Closed loop: every sender keeps a few deposits unanswered. Figures of one run on a shared machine are an indication.
 */
import { execFileSync, fork, spawn } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'

const ENVELOPES = 60_000
const ENVELOPE_BYTES = 4000
const SENDERS = 200
const RECIPIENTS = 200
const UNANSWERED = 8
const OPTIONS = { perMessageDeflate: false }

const label = (text) => Buffer.concat([Buffer.from(text), Buffer.alloc(1)])
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest()

function createMailbox() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return { raw, privateKey, address: sha256(label('lethe/v1 address'), raw) }
}

/** Opens a mailbox; resolves when it is drained, then calls `onEnvelope` for each and acknowledges in portions. */
function receive(url, { raw, privateKey }, onEnvelope) {
  const socket = new WebSocket(`${url}/v1/mailbox`, 'lethe.v1', OPTIONS)
  const origin = sha256(Buffer.from(url.replace(/^ws/, 'http')))
  const ids = []
  const acknowledge = () => {
    if (ids.length > 0) socket.send(Buffer.concat([Buffer.from([2, 0, 1]), ...ids.splice(0, 64)]))
  }
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (frame) => {
      if (frame[0] === 0x81) {
        const signature = sign(null, Buffer.concat([label('lethe/v1 open'), origin, frame.subarray(1)]), privateKey)
        socket.send(Buffer.concat([Buffer.from([1, 0, 1]), raw, signature]))
      } else if (frame[0] === 0x83) {
        if (ids.push(Buffer.from(frame.subarray(3, 19))) === 1) setImmediate(acknowledge)
        onEnvelope(frame.readUInt32BE(19))
      } else if (frame[0] === 0x84) resolve(socket)
    })
  })
}

/** Deposits until `next` gives no more numbers; each envelope begins with its number. */
async function send(url, mailboxes, next, onAnswer) {
  const socket = new WebSocket(`${url}/v1/deposit`, 'lethe.v1', OPTIONS)
  await once(socket, 'open')
  const deposit = () => {
    const number = next()
    if (number === undefined) return
    const frame = Buffer.alloc(41 + ENVELOPE_BYTES)
    frame[0] = 1
    frame.writeUInt32BE(number, 1)
    frame.writeUInt32BE(86_400, 5)
    mailboxes[number % mailboxes.length].address.copy(frame, 9)
    frame.writeUInt32BE(number, 41)
    socket.send(frame)
  }
  socket.on('message', (frame) => {
    onAnswer(frame[0] === 0x81)
    deposit()
  })
  for (let i = 0; i < UNANSWERED; i++) deposit()
  return socket
}

async function runClients(url) {
  const mailboxes = Array.from({ length: RECIPIENTS }, createMailbox)
  const seen = new Set()
  const counts = { accepted: 0, refused: 0, duplicated: 0 }
  let sent = 0
  let finish
  const finished = new Promise((resolve) => {
    finish = resolve
  })
  const onEnvelope = (number) => {
    if (seen.has(number)) counts.duplicated++
    seen.add(number)
    if (seen.size === ENVELOPES) finish()
  }
  const receivers = await Promise.all(mailboxes.map((mailbox) => receive(url, mailbox, onEnvelope)))
  const startedMs = performance.now()
  const next = () => (sent < ENVELOPES ? sent++ : undefined)
  const onAnswer = (isAccepted) => counts[isAccepted ? 'accepted' : 'refused']++
  const senders = await Promise.all(Array.from({ length: SENDERS }, () => send(url, mailboxes, next, onAnswer)))
  await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, 120_000))])
  const seconds = (performance.now() - startedMs) / 1000
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (const socket of [...receivers, ...senders]) socket.terminate()
  process.send({ ...counts, received: seen.size, seconds })
  process.disconnect()
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

const cpuSeconds = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function pin(pid, processor) {
  try {
    execFileSync('taskset', ['-acp', String(processor), String(pid)], { stdio: 'ignore' })
  } catch {
    console.log('taskset is missing or refused: processes are not kept apart')
  }
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-throughput-'))
  const redisPort = await freePort()
  const redis = spawn('redis-server', [
    ...['--port', redisPort, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...['--stream-node-max-entries', '1', '--maxmemory-policy', 'noeviction', '--logfile', '/dev/null'],
  ])
  const relay = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../build/src/cli/main.js', import.meta.url)), 'serve'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env.PATH,
        LETHE_PORT: '0',
        LETHE_ADMIN_PORT: '0',
        LETHE_REDIS_URL: `redis://127.0.0.1:${redisPort}`,
        LETHE_STORE_SECRET: randomBytes(32).toString('base64url'),
        LETHE_ALLOW_UNSAFE_STORE: 'true',
        LETHE_MAX_WAIT_MS: '10000',
      },
    },
  )
  try {
    const port = await new Promise((resolve, reject) => {
      let log = ''
      relay.once('exit', () => reject(new Error(log)))
      relay.stderr.on('data', (chunk) => {
        log += chunk
        const line = log.split('\n').find((text) => text.includes('"listening"'))
        if (line) resolve(JSON.parse(line).port)
      })
    })
    pin(redis.pid, 0)
    pin(relay.pid, 0)
    const before = [cpuSeconds(relay.pid), cpuSeconds(redis.pid)]
    const clients = fork(fileURLToPath(import.meta.url), [`ws://127.0.0.1:${port}`])
    pin(clients.pid, 1)
    const [result] = await once(clients, 'message')
    const [relayUs, redisUs] = [relay, redis].map(({ pid }, i) => ((cpuSeconds(pid) - before[i]) / ENVELOPES) * 1e6)
    const kept = execFileSync('redis-cli', ['-p', String(redisPort), 'DBSIZE'])
      .toString()
      .trim()
    const { accepted, refused, duplicated, received, seconds } = result
    console.log(`${SENDERS} senders, ${RECIPIENTS} recipients, ${ENVELOPES} envelopes of ${ENVELOPE_BYTES} bytes`)
    console.log(`${Math.round(received / seconds)} a second, from deposit to acknowledgement`)
    console.log(`accepted ${accepted}, refused ${refused}, received ${received}, duplicated ${duplicated}`)
    console.log(`lost ${ENVELOPES - received}, keys left in Redis ${kept}`)
    console.log(`processor time a message: relay ${relayUs.toFixed(0)} µs, Redis ${redisUs.toFixed(0)} µs`)
    if (received < ENVELOPES || refused > 0) process.exitCode = 1
  } finally {
    relay.kill()
    redis.kill()
    await Promise.all([relay, redis].map((child) => child.exitCode ?? once(child, 'exit')))
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.send) await runClients(process.argv[2])
else await main()

import { eventually } from '../_util/wait.ts'
import { fetchBody } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { post } from '../conformance/http.ts'
import type { MailboxSocket } from '../conformance/mailbox-socket.ts'
import { RawConnection } from '../integration/raw-http.ts'
import { note, type Provoked, provokeOverHttp } from './broken-requests.ts'
import type { Refusals } from './broken-sockets.ts'
import { bucketKeyOf, bucketsAt } from './derivation.ts'
import { KEEPER } from './people.ts'
import { type RelayProcess, runToEnd } from './relay-process.ts'
import type { Cast } from './scenario.ts'
import { connectReader, noteBuckets, sendOverHttp, sendOverSocket, writeEnvelope } from './traffic.ts'

/** Deposits on one socket, to a relay that allows 40 kilobytes at once, and ends who owes as much. */
const MORE_THAN_ALLOWED = 30
const RECOVERY = { timeoutMs: 30_000, intervalMs: 100 }

/** Redis goes on answering, but not as it should. */
export async function troubleRedis(cast: Cast, provoked: Provoked): Promise<void> {
  const { town, ada, dan, first } = cast
  const { redis } = town
  const attempt = () => provokeOverHttp(town, ada, dan, first, provoked)
  await redis.cli('ACL', 'SETUSER', 'lethe', '-xadd', '-exists')
  await attempt()
  await redis.cli('ACL', 'SETUSER', 'lethe', '+xadd', '+exists')
  await redis.cli('CONFIG', 'SET', 'maxmemory', '1')
  await attempt()
  await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  await redis.cli('SCRIPT', 'FLUSH')
  await attempt()
  await misplaceBuckets(cast, provoked)
}

/** What is no stream lies where buckets should be. */
async function misplaceBuckets({ town, ada, dan, first }: Cast, provoked: Provoked): Promise<void> {
  const to = town.mailboxes.make(KEEPER)
  const sending = { from: ada, over: first, to, sizeIndex: 0, ttl: 3_600 } as const
  const now = Math.floor(Date.now() / 1_000)
  const keys = bucketsAt(0, sending.ttl, now - 1, now + 30).map((bucket) => bucketKeyOf(to.queue, bucket))
  for (const key of keys) await town.redis.cli('SET', key, 'no stream')
  note(provoked, await sendOverHttp(town, sending))
  const wire = await dan.reach(first)
  note(provoked, await post(wire, '/v1/mailbox/fetch', fetchBody(to, wire.origin), { ...dan.headers }))
  for (const key of keys) await town.redis.cli('DEL', key)
  noteBuckets(town, sending, Date.now())
}

/** Redis is killed under traffic, and comes back empty, at first without the relay's user. */
export async function loseRedis(
  cast: Cast,
  opened: readonly MailboxSocket[],
  provoked: Provoked,
  { errors, closes }: Refusals,
): Promise<void> {
  const { town, ada, ben, dan, vandal, first, second } = cast
  const ending = opened.map(async (reader) => {
    for (;;) {
      const arrival = await reader.next(60_000)
      if (arrival.kind === 'close') return closes.add(arrival.code)
    }
  })
  const to = town.mailboxes.make(KEEPER)
  const sendings = Array.from(
    { length: 16 },
    () => ({ from: ben, over: second, to, sizeIndex: 0, ttl: 3_600 }) as const,
  )
  const underWay = sendOverSocket(town, sendings)
  await town.redis.kill()
  for (const code of await underWay) errors.add(code)
  for (const relay of [first, second]) await provokeOverHttp(town, ada, dan, relay, provoked)
  const reader = await connectReader(town, vandal, first)
  reader.sendOpen(1, town.mailboxes.make(vandal.name))
  const refused = await reader.frame()
  if (refused.type === 'ERROR') errors.add(refused.code)
  await reader.close()
  await town.redis.start()
  await provokeOverHttp(town, ada, dan, first, provoked)
  await town.furnishRedis()
  for (const over of [first, second]) {
    const sending = { from: ada, over, to, sizeIndex: 0, ttl: 60 } as const
    await eventually(async () => (await sendOverHttp(town, sending)).status === 202, RECOVERY)
  }
  await Promise.all(ending)
}

/** A relay is told to stop while people are connected and one waits for an answer. @returns its exit code */
export async function drainRelay(
  { town, ben, eve, vandal }: Cast,
  relay: RelayProcess,
  provoked: Provoked,
  { closes }: Refusals,
): Promise<number | string | null> {
  const reader = await connectReader(town, vandal, relay)
  await reader.open(1, town.mailboxes.make(vandal.name))
  await reader.untilDrained(1)
  const sender = await connectDeposit(await ben.reach(relay), ben.socket)
  const wire = await eve.reach(relay)
  const body = fetchBody(town.mailboxes.make(eve.name), wire.origin, { wait: 30 })
  const poll = post(wire, '/v1/mailbox/fetch', body, { ...eve.headers })
  // Its headers are whole only when the relay takes no more.
  const late = new RawConnection(wire)
  late.write(`GET /v1/info?${eve.query} HTTP/1.1\r\nHost: relay\r\nUser-Agent: `)
  await new Promise((resolve) => setTimeout(resolve, 300))
  relay.signal('SIGTERM')
  note(provoked, await poll)
  for (const socket of [reader, sender]) closes.add(await socket.closeCode())
  late.write(`${eve.query}\r\n\r\n`)
  await late.when(() => late.isEnded, 5_000)
  note(provoked, { body: Buffer.from(late.received, 'latin1') })
  return relay.ended()
}

/** A relay in which the cryptography fails: requests get an answer, and a frame ends it. @returns its exit code */
export async function breakRelay({ town, ada, ben, dan }: Cast, provoked: Provoked): Promise<number | string | null> {
  const relay = await town.relay('broken', 'files', { preload: ['fault.js'], env: { LETHE_DRAIN_SECONDS: '1' } })
  await provokeOverHttp(town, ada, dan, relay, provoked)
  const to = town.mailboxes.make(ben.name)
  // The connection is gone with the relay, so nobody answers.
  sendOverSocket(town, [{ from: ben, over: relay, to, sizeIndex: 0, ttl: 60 }]).catch(() => {})
  return relay.ended()
}

/** A relay that allows everybody next to nothing, and is asked for more. @returns its exit code */
export async function exceedLimits(
  { town, ada, ben }: Cast,
  provoked: Provoked,
  { closes }: Refusals,
): Promise<number | string | null> {
  const env = {
    LETHE_EXEMPT_PREFIXES: '',
    LETHE_CONNECTION_BYTES_PER_SECOND: '4000',
    LETHE_PREFIX_BYTES_PER_SECOND: '16000',
    LETHE_DRAIN_SECONDS: '1',
  }
  const over = await town.relay('limited', 'files', { env })
  const sending = { from: ben, over, to: town.mailboxes.make(KEEPER), sizeIndex: 0, ttl: 60 } as const
  const socket = await connectDeposit(await ben.reach(over), ben.socket)
  for (let ref = 0; ref < MORE_THAN_ALLOWED; ref++) {
    socket.deposit({ ref, ttl: sending.ttl, address: sending.to.address, envelope: writeEnvelope(town, sending) })
  }
  const last = (await socket.rest(10_000)).at(-1)
  if (last?.kind === 'close') closes.add(last.code)
  // Now the prefix has not much left. Whoever goes on asking after that is cut off.
  while (!provoked.has('ERR_RATE_LIMITED')) note(provoked, await sendOverHttp(town, { ...sending, from: ada }))
  await town.collect([over], 'when it refuses who asks too much')
  over.signal('SIGTERM')
  return over.ended()
}

/** Settings that are refused, each with a secret in it. */
export async function refuseSettings({ town }: Cast): Promise<void> {
  const secret = town.secrets[0].toString('base64url')
  const url = town.redisUrl
  const settings: Record<string, string>[] = [
    { LETHE_REDIS_URL: url },
    { LETHE_REDIS_URL: `${url}x`, LETHE_STORE_SECRET: secret },
    { LETHE_REDIS_URL: url, LETHE_STORE_SECRET: `${secret}!` },
    { LETHE_REDIS_URL: url, LETHE_STORE_SECRET: secret, LETHE_STORE_SECRETS_READ: `${secret},${secret}` },
    { LETHE_REDIS_URL: url, LETHE_STORE_SECRET: secret, LETHE_PORT: secret },
    { LETHE_REDIS_URL: url, LETHE_STORE_SECRET: secret, LETHE_HOST: '127.0.0.1', LETHE_PORT: String(town.redis.port) },
  ]
  await Promise.all(
    settings.map(async (env, i) => {
      const { code, stdout, stderr } = await runToEnd(['serve'], env)
      if (code === 0) throw new Error(`settings ${i} were taken`)
      town.evidence.add('standard output', stdout, `refused settings ${i}`)
      town.evidence.add('standard error (log)', stderr, `refused settings ${i}`)
    }),
  )
}

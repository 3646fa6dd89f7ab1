import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { WebSocket } from 'ws'
import { createMailbox } from '../../src/client/mailbox.ts'
import { receive } from '../../src/client/receive.ts'
import type { Disclosure } from '../../src/disclosure/disclosure.ts'
import { NOT_HELD } from '../../src/disclosure/not-held.ts'
import { bucketOf, deriveQueue } from '../../src/mailbox/sealing.ts'
import { bucketKey } from '../../src/store/redis/keys.ts'
import { startCluster } from '../_util/cluster.ts'
import { findFreePort } from '../_util/ports.ts'
import { startSentinelGroup } from '../_util/sentinel.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createSchemaCheck } from '../unit/disclosure-schema.ts'
import { createShell } from './cli-setup.ts'
import { environment, Owner, ownRedis, randomSecret, relayOn, SIZES } from './disclose-setup.ts'

const DAY = 86_400

test('what no relay holds is answered with 67, and never repeated', async (t) => {
  const { lethe } = await createShell(t)
  const check = await createSchemaCheck()
  const address = createMailbox().addressText
  const options = NOT_HELD.flatMap(({ options }) => options)
  t.ok(
    ['name', 'phone', 'email', 'ip', 'sender', 'from', 'to', 'since', 'until', 'contacts', 'list'].every((option) =>
      options.includes(option),
    ),
  )
  const ways = [
    options.map((option) => `--${option}=canary-value`),
    ['--address', address, ...options.flatMap((option) => [`--${option}`, 'canary-value'])],
    options.map((option) => `--${option}`),
  ]
  for (const args of ways) {
    const { code, stdout, stderr } = await lethe(['disclose', ...args])
    t.same([code, stderr], [67, ''])
    t.notMatch(stdout, /canary-value/)
    t.equal(await check(JSON.parse(stdout)), '')
    t.same(
      JSON.parse(stdout).asked.map(({ option }: { option: string }) => option),
      options.map((option) => `--${option}`),
    )
  }
  const both = await lethe(['disclose', '--ip', '192.0.2.7', '--since=2026-11-01', '--text'])
  t.equal(both.code, 67)
  t.match(both.stdout, /^--ip: this relay does not hold IP addresses.*--since: .*What can be looked up/s)
  t.notMatch(both.stdout, /192\.0\.2\.7|2026/)
})

test('a command line that asks for nothing, or for what is no address, ends with 64', async (t) => {
  const { lethe } = await createShell(t)
  const { addressText } = createMailbox()
  const wrong = [
    [],
    [addressText],
    ['--address'],
    ['--address', '-not-an-address'],
    ['--public-key', '+354 555 0100'],
    ['--address', addressText, '--public-key', addressText],
    ['--imei', '1'],
  ]
  for (const args of wrong) {
    const { code, stdout, stderr } = await lethe(['disclose', ...args])
    t.same([code, stdout], [64, ''], args.join(' '))
    t.match(stderr, /^lethe disclose: [^\n]+\n$/)
  }
})

test('with the memory store it says that only the running process could tell, and ends with 1', async (t) => {
  const { lethe } = await createShell(t)
  const { addressText } = createMailbox()
  const check = await createSchemaCheck()
  const { code, stdout, stderr } = await lethe(['disclose', '--address', addressText, '--ask-connected'])
  t.equal(code, 1)
  t.match(stderr, /^the memory store can be read by its own process only/)
  t.equal(await check(JSON.parse(stdout)), '')
  t.match(JSON.parse(stdout), { waiting: null, connected: { answer: 'cannot be asked' } })
  const text = await lethe(['disclose', '--address', addressText, '--text'])
  t.match(text.stdout.replace(/\s+/g, ' '), /Only the running process could tell/)
})

test('without a store that answers it writes nothing and ends with 75, with a wrong variable with 78', async (t) => {
  const { lethe } = await createShell(t)
  const { addressText } = createMailbox()
  const port = await findFreePort()
  const env = environment(`redis://127.0.0.1:${port}`, randomSecret())
  const away = await lethe(['disclose', '--address', addressText], { env })
  t.match(away, { code: 75, stdout: '', stderr: 'the store of LETHE_REDIS_URL does not answer\n' })
  const { LETHE_STORE_SECRET: _, ...withoutSecret } = env
  const wrong = await lethe(['disclose', '--address', addressText], { env: withoutSecret })
  t.match(wrong, { code: 78, stdout: '', stderr: /^LETHE_STORE_SECRET must be set/ })
})

test('an address or key that begins with a hyphen is taken, and both lead to the same mailbox', async (t) => {
  const redis = await ownRedis(t)
  const { lethe } = await createShell(t)
  const env = environment(redis.url, randomSecret())
  let mailbox = createMailbox()
  while (!mailbox.addressText.startsWith('-')) mailbox = createMailbox()
  const asked = { address: mailbox.addressText, publicKey: null }
  for (const args of [['--address', mailbox.addressText], [`--address=${mailbox.addressText}`]]) {
    const { code, stdout } = await lethe(['disclose', ...args], { env })
    t.equal(code, 0)
    t.same(JSON.parse(stdout).asked, asked)
  }
  const publicKey = Buffer.from(mailbox.publicKey).toString('base64url')
  const byKey = await lethe(['disclose', '--public-key', publicKey], { env })
  t.same(JSON.parse(byKey.stdout).asked, { address: mailbox.addressText, publicKey })
  let dashed = createMailbox()
  while (Buffer.from(dashed.publicKey).toString('base64url')[0] !== '-') dashed = createMailbox()
  const key = Buffer.from(dashed.publicKey).toString('base64url')
  const { stdout } = await lethe(['disclose', '--text', '--public-key', key], { env })
  t.match(stdout, `Address      ${dashed.addressText}`)
  t.match(stdout, /Nothing\. No envelope waits/)
})

test('whether the mailbox is connected is asked only on demand, and asking disturbs nobody', async (t) => {
  const redis = await ownRedis(t)
  const { lethe } = await createShell(t)
  const env = { ...environment(redis.url, randomSecret(), [randomSecret()]), LETHE_WAKE_BITS: '16' }
  const relay = await relayOn(t, env)
  const owner = new Owner()
  const answer = async (...options: string[]): Promise<string> => {
    const { stdout } = await lethe(['disclose', '--address', owner.mailbox.addressText, ...options], { env })
    return (JSON.parse(stdout) as Disclosure).connected.answer
  }
  t.equal(await answer('--ask-connected'), 'no answer')
  const envelopes = receive({ relay: relay.url, mailbox: owner.mailbox, WebSocket })
  t.teardown(() => envelopes.return?.())
  await owner.receive(relay, 1, SIZES[0], DAY)
  const first = await envelopes.next()
  t.ok(first.value)
  t.equal(await answer(), 'not asked')
  t.equal(await answer('--ask-connected'), 'open')
  await owner.receive(relay, 1, SIZES[0], DAY)
  t.same(
    Buffer.from((await envelopes.next()).value?.envelope ?? ''),
    owner.waiting[1]?.envelope,
    'it was not displaced',
  )
})

test('what is there and belongs to no relay, and what is of a size no longer taken, is told too', async (t) => {
  const redis = await ownRedis(t)
  const { lethe } = await createShell(t)
  const secret = randomSecret()
  const env = environment(redis.url, secret)
  const relay = await relayOn(t, env)
  const owner = new Owner()
  await owner.receive(relay, 1, SIZES[1], DAY)
  const disclose = async (variables: Record<string, string>) => {
    const { stdout } = await lethe(['disclose', '--address', owner.mailbox.addressText, '--include-ciphertext'], {
      env: { ...env, ...variables },
    })
    return JSON.parse(stdout) as Disclosure
  }
  const before = await disclose({ LETHE_ENVELOPE_BYTES: String(SIZES[0]) })
  const filled = before.waiting?.groups.filter(({ envelopes }) => envelopes > 0) ?? []
  t.match(filled, [{ envelopeBytes: SIZES[1], envelopes: 1, ttlClassSeconds: DAY }])
  const expiresAt = Date.parse(filled[0]?.windows[0]?.erasedAt ?? '') / 1000
  const queue = deriveQueue(Buffer.from(secret, 'base64url'), owner.mailbox.address)
  const client = new Redis(redis.port, '127.0.0.1')
  t.teardown(() => client.disconnect())
  await client.xadd(bucketKey(bucketOf(queue, 1, 3, expiresAt)), '0-*', 'e', randomBytes(SIZES[1] + 28))
  const after = await disclose({})
  const [window] = after.waiting?.groups.flatMap(({ windows }) => windows) ?? []
  t.match(window, { waiting: 2, places: [1, 2], notSealedHere: 1 })
  t.same(
    after.ciphertext?.envelopes.map(({ ciphertext }) => ciphertext),
    [owner.waiting[0]?.envelope.toString('base64'), null],
  )
})

test('it reads a Redis Cluster', async (t) => {
  const cluster = await startCluster({ masters: 3 })
  t.teardown(() => cluster.stop())
  const { lethe } = await createShell(t)
  const env = environment(cluster.url, randomSecret(), [randomSecret()])
  const relay = await relayOn(t, env)
  const owners = Array.from({ length: 6 }, () => new Owner())
  for (const owner of owners) {
    await owner.receive(relay, 3, SIZES[0], DAY)
    await owner.acknowledge(relay, 0, [0])
    const { code, stdout } = await lethe(['disclose', '--address', owner.mailbox.addressText], { env })
    t.equal(code, 0)
    t.match(JSON.parse(stdout), { waiting: { envelopes: 2 }, configuration: { store: 'cluster', readOnlySecrets: 1 } })
  }
})

test('it reads the master that Sentinels name, and goes on with another after a failover', async (t) => {
  const group = await startSentinelGroup({ replicas: 1 })
  t.teardown(() => group.stop())
  const { lethe } = await createShell(t)
  const env = { ...environment(group.url, randomSecret()), LETHE_REDIS_MIN_REPLICAS: '1' }
  const relay = await relayOn(t, env)
  const owner = new Owner()
  await owner.receive(relay, 3, SIZES[0], DAY)
  const disclose = () => lethe(['disclose', '--address', owner.mailbox.addressText], { env })
  const isWhole = async () => {
    const { code, stdout } = await disclose()
    return code === 0 && JSON.parse(stdout).waiting.envelopes === 3
  }
  t.ok(await isWhole())
  const first = await group.master()
  await first.kill()
  await eventually(async () => (await group.master()) !== first, { timeoutMs: 30_000 })
  await eventually(isWhole, { timeoutMs: 30_000, intervalMs: 200 })
  t.match(JSON.parse((await disclose()).stdout), { configuration: { store: 'sentinel' } })
})

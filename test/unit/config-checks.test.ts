import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import { test } from '../_util/tap.ts'
import { problemsOf, randomSecret, redisEnvironment } from './config-problems.ts'

test('Redis needs a store secret, and the error says how to make one', async (t) => {
  const problems = problemsOf({ LETHE_REDIS_URL: 'redis://h' })
  t.strictSame(Object.keys(problems), ['LETHE_STORE_SECRET'])
  t.match(problems.LETHE_STORE_SECRET, /^LETHE_STORE_SECRET must be set, because LETHE_REDIS_URL is\./)
  t.match(problems.LETHE_STORE_SECRET, 'node -e "console.log(require')
  t.strictSame(problemsOf(redisEnvironment()), {})
})

test('the memory store takes a store secret', async (t) => {
  const text = randomSecret()
  const { storeSecret } = loadConfig({ LETHE_STORE_SECRET: text })
  t.strictSame(storeSecret?.reveal(), new Uint8Array(Buffer.from(text, 'base64url')))
})

test('[protocol §5] without a public origin only loopback is listened on', async (t) => {
  for (const host of ['127.0.0.1', '127.8.9.10', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LOCALHOST']) {
    t.strictSame(problemsOf({ LETHE_HOST: host }), {}, host)
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'fe80::1', 'relay.example', 'localhost.example']) {
    const problems = problemsOf({ LETHE_HOST: host })
    t.strictSame(Object.keys(problems), ['LETHE_PUBLIC_ORIGIN'], host)
    t.match(problems.LETHE_PUBLIC_ORIGIN, /must be set, because LETHE_HOST is not a loopback address/)
    t.match(problems.LETHE_PUBLIC_ORIGIN, 'such as https://relay.example')
    t.strictSame(problemsOf({ LETHE_HOST: host, LETHE_PUBLIC_ORIGIN: 'https://relay.example' }), {}, host)
  }
})

test('replicas need Redis', async (t) => {
  t.strictSame(Object.keys(problemsOf({ LETHE_REDIS_MIN_REPLICAS: '1' })), ['LETHE_REDIS_MIN_REPLICAS'])
  t.strictSame(problemsOf({ LETHE_REDIS_MIN_REPLICAS: '0' }), {})
  t.equal(loadConfig({ ...redisEnvironment(), LETHE_REDIS_MIN_REPLICAS: '2' }).redisMinReplicas, 2)
})

test('a certificate authority for Redis needs TLS to Redis', async (t) => {
  const file = writeTemporary(t.teardown)
  const problems = problemsOf({ ...redisEnvironment('redis://h'), LETHE_REDIS_CA_FILE: file })
  t.strictSame(Object.keys(problems), ['LETHE_REDIS_CA_FILE'])
  t.strictSame(Object.keys(problemsOf({ LETHE_REDIS_CA_FILE: file })), ['LETHE_REDIS_CA_FILE'])
  const config = loadConfig({ ...redisEnvironment('rediss+cluster://h'), LETHE_REDIS_CA_FILE: file })
  t.equal(config.redisCaFile, file)
})

test('certificate and key come together', async (t) => {
  const file = writeTemporary(t.teardown)
  t.strictSame(Object.keys(problemsOf({ LETHE_TLS_CERT_FILE: file })), ['LETHE_TLS_KEY_FILE'])
  t.strictSame(Object.keys(problemsOf({ LETHE_TLS_KEY_FILE: file })), ['LETHE_TLS_CERT_FILE'])
  const config = loadConfig({ LETHE_TLS_CERT_FILE: file, LETHE_TLS_KEY_FILE: file })
  t.equal(config.tlsCertFile, file)
  t.equal(config.tlsKeyFile, file)
})

test('the two listeners do not share a port', async (t) => {
  const clash = (env: Record<string, string>) => Object.keys(problemsOf(env))
  t.strictSame(clash({ LETHE_PORT: '9464' }), ['LETHE_ADMIN_PORT'])
  const origin = { LETHE_PUBLIC_ORIGIN: 'https://relay.example' }
  t.strictSame(clash({ ...origin, LETHE_HOST: '0.0.0.0', LETHE_PORT: '9464' }), ['LETHE_ADMIN_PORT'])
  t.strictSame(clash({ LETHE_ADMIN_HOST: '::', LETHE_PORT: '9464' }), ['LETHE_ADMIN_PORT'])
  t.strictSame(clash({ LETHE_HOST: '127.0.0.2', LETHE_PORT: '9464' }), [])
  t.strictSame(clash({ LETHE_PORT: '0', LETHE_ADMIN_PORT: '0' }), [])
})

test('the default lifetime is not longer than the longest', async (t) => {
  const both = (max: string, value: string) => ({ LETHE_MAX_TTL_SECONDS: max, LETHE_DEFAULT_TTL_SECONDS: value })
  t.strictSame(Object.keys(problemsOf(both('3600', '3601'))), ['LETHE_DEFAULT_TTL_SECONDS'])
  t.strictSame(problemsOf(both('3600', '3600')), {})
  const lowered = loadConfig({ LETHE_MAX_TTL_SECONDS: '3600' })
  t.equal(lowered.defaultTtlSeconds, 3600)
  t.equal(lowered.valueOrigins.defaultTtlSeconds, 'default')
  t.equal(loadConfig({ LETHE_MAX_TTL_SECONDS: '100000' }).defaultTtlSeconds, 86_400)
})

test('each store of bytes holds one envelope of the largest size', async (t) => {
  const sizes = { LETHE_ENVELOPE_BYTES: '100,5000' }
  for (const [variable, leastBytes] of [
    ['LETHE_BUCKET_BYTES', 5000],
    ['LETHE_MEMORY_STORE_BYTES', 5000],
    ['LETHE_SOCKET_BUFFER_BYTES', 5000 + 19 + 10],
    ['LETHE_OUTGOING_BYTES', 5000 + 19 + 10],
  ] as const) {
    t.strictSame(problemsOf({ ...sizes, [variable]: String(leastBytes) }), {}, variable)
    const problems = problemsOf({ ...sizes, [variable]: String(leastBytes - 1) })
    t.strictSame(Object.keys(problems), [variable])
    t.match(problems[variable], `must be at least ${leastBytes} with this LETHE_ENVELOPE_BYTES`)
  }
})

test('a value that was not read is not blamed a second time', async (t) => {
  t.strictSame(Object.keys(problemsOf({ LETHE_REDIS_URL: 'redis://h', LETHE_STORE_SECRET: 'x' })), [
    'LETHE_STORE_SECRET',
  ])
  t.strictSame(Object.keys(problemsOf({ LETHE_REDIS_URL: 'nonsense', LETHE_REDIS_MIN_REPLICAS: '1' })), [
    'LETHE_REDIS_URL',
  ])
  t.strictSame(Object.keys(problemsOf({ LETHE_HOST: '0.0.0.0', LETHE_PUBLIC_ORIGIN: 'x' })), ['LETHE_PUBLIC_ORIGIN'])
  t.strictSame(Object.keys(problemsOf({ LETHE_MAX_TTL_SECONDS: '1' })), ['LETHE_MAX_TTL_SECONDS'])
  t.strictSame(Object.keys(problemsOf({ LETHE_TLS_CERT_FILE: '/' })), ['LETHE_TLS_CERT_FILE'])
})

function writeTemporary(teardown: (remove: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-config-'))
  teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'file.pem')
  writeFileSync(file, 'PEM')
  return file
}

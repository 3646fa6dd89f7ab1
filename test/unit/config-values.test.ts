import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, loadConfig } from '../../src/config/config.ts'
import { type ConfigKey, configSchema } from '../../src/config/schema.ts'
import { test } from '../_util/tap.ts'
import { attempt, type Environment, problemsOf, quote } from './config-problems.ts'

/** Texts that a variable takes, with the value they give, texts it refuses, and what else must be set meanwhile. */
interface Case {
  key: ConfigKey
  good: readonly (readonly [string, unknown])[]
  bad: readonly string[]
  also?: Environment
}

const notNumbers = ['-1', '+1', '1.5', '1e3', '0x10', '007', ' 1', '1 ', '1\n', '1_000', '٣', 'NaN', '1'.repeat(400)]
const origin = { LETHE_PUBLIC_ORIGIN: 'https://relay.example' }

function hosts(key: ConfigKey): Case {
  return {
    key,
    also: origin,
    good: [
      ['0.0.0.0', '0.0.0.0'],
      ['::', '::'],
      ['FE80::A', 'fe80::a'],
      ['Relay-1.Example', 'relay-1.example'],
      ['redis_1', 'redis_1'],
      ['1.example', '1.example'],
    ],
    bad: [
      '256.0.0.1',
      '127.1',
      '1',
      '[::1]',
      '::1%eth0',
      ':::',
      'a b',
      'a..b',
      'a.',
      '.a',
      '-a',
      'a-',
      'a:80',
      'http://a',
      'a/b',
      'ü.example',
      'Kelvin\u212a',
      'a\n',
      'x'.repeat(64),
      `${'a.'.repeat(127)}a`,
    ],
  }
}

function prefixes(key: ConfigKey): Case {
  return {
    key,
    good: [
      ['', []],
      ['192.0.2.0/24', ['192.0.2.0/24']],
      ['192.0.2.1', ['192.0.2.1/32']],
      ['2001:DB8::/32, ::1', ['2001:db8::/32', '::1/128']],
      [Array(64).fill('10.0.0.0/8').join(), Array(64).fill('10.0.0.0/8')],
    ],
    bad: [
      ',',
      '192.0.2.0/24,',
      '192.0.2.0/33',
      '192.0.2.0/024',
      '192.0.2.0/',
      '192.0.2.0/8/8',
      '192.0.2',
      '::/129',
      'fe80::1%eth0',
      'relay.example/8',
      '[::1]/128',
      Array(65).fill('10.0.0.0/8').join(),
    ],
  }
}

function range(key: ConfigKey, min: number, max: number, also: Environment = {}): Case {
  const outside = [min - 1, max + 1].filter((value) => value >= 0).map(String)
  return {
    key,
    also,
    good: [min, max].map((value) => [String(value), value]),
    bad: [...notNumbers, ...outside],
  }
}

function yesOrNo(key: ConfigKey): Case {
  return {
    key,
    good: [
      ['true', true],
      ['false', false],
    ],
    bad: ['TRUE', 'yes', '1', '0', ' true', 'toString'],
  }
}

function text(key: ConfigKey): Case {
  return {
    key,
    good: [
      ['', undefined],
      ['Relay e. V. <mail@relay.example>', 'Relay e. V. <mail@relay.example>'],
      ['Zürich 水', 'Zürich 水'],
      ['💧'.repeat(200), '💧'.repeat(200)],
    ],
    bad: ['a\nb', 'a\tb', '\u001b[31m', 'a\u0085b', 'a\u2028b', '\u202eabc', '\ud800', 'x'.repeat(201)],
  }
}

const anyTtl = { LETHE_MAX_TTL_SECONDS: '604800', LETHE_DEFAULT_TTL_SECONDS: '60' }
const small = { LETHE_ENVELOPE_BYTES: '1' }
const cases: Case[] = [
  hosts('host'),
  hosts('adminHost'),
  range('port', 0, 65_535),
  range('adminPort', 0, 65_535),
  {
    key: 'envelopeBytes',
    good: [
      ['1', [1]],
      ['4000, 64000', [4000, 64_000]],
      ['1,2,3,4,5,6,7,1000000', [1, 2, 3, 4, 5, 6, 7, 1_000_000]],
    ],
    bad: [
      '0',
      '1000001',
      '2,1',
      '1,1',
      '1,',
      ',1',
      '1,,2',
      '1;2',
      '1 2',
      '1,2,3,4,5,6,7,8,9',
      ...notNumbers.slice(0, 6),
    ],
  },
  range('maxTtlSeconds', 60, 604_800, { LETHE_DEFAULT_TTL_SECONDS: '60' }),
  range('defaultTtlSeconds', 60, 604_800, anyTtl),
  range('bucketBytes', 1, 2 ** 40, small),
  range('memoryStoreBytes', 1, 2 ** 40, small),
  { ...range('socketBufferBytes', 30, 2 ** 40, small) },
  { ...range('outgoingBytes', 30, 2 ** 40, small) },
  range('maxWaitMs', 10, 60_000),
  range('window', 1, 1024),
  {
    key: 'wakeBits',
    good: [12, 16, 20, 24].map((bits) => [String(bits), bits] as const),
    bad: ['0', '8', '13', '28', '012', '12,16', 'toString'],
  },
  range('maxConnections', 1, 1_000_000),
  range('maxChannels', 1, 65_536),
  range('drainSeconds', 0, 3600),
  text('operatorName'),
  text('operatorJurisdiction'),
  text('operatorContact'),
  {
    key: 'logLevel',
    good: ['fatal', 'error', 'warn', 'info', 'debug', 'silent'].map((level) => [level, level] as const),
    bad: ['INFO', 'trace', 'information', 'constructor', ' info'],
  },
  range('metricsIntervalSeconds', 1, 86_400),
  range('metricsStep', 1, 65_536),
  yesOrNo('allowUnsafeStore'),
  yesOrNo('metricsExact'),
  {
    key: 'admission',
    good: ['open', 'limited'].map((value) => [value, value] as const),
    bad: ['closed', 'Open', 'true'],
  },
  range('connectionBytesPerSecond', 1000, 2 ** 40),
  range('prefixBytesPerSecond', 1000, 2 ** 40),
  prefixes('exemptPrefixes'),
  { ...prefixes('proxyPrefixes'), bad: [...prefixes('proxyPrefixes').bad, '0.0.0.0/0', '::/0'] },
]

for (const { key, good, bad, also } of cases) {
  const { env } = configSchema[key]
  test(`${env} takes what it says`, async (t) => {
    for (const [value, expected] of good) {
      const outcome = attempt({ ...also, [env]: value })
      if (outcome instanceof Error) {
        t.fail(`${quote(value)} is refused: ${outcome.message}`)
        continue
      }
      t.strictSame(outcome[key], expected, quote(value))
      t.equal(outcome.valueOrigins[key], 'environment')
    }
  })

  test(`${env} refuses anything else, and names only itself`, async (t) => {
    for (const value of bad) {
      t.strictSame(Object.keys(problemsOf({ ...also, [env]: value })), [env], quote(value))
    }
  })
}

for (const env of ['LETHE_TLS_CERT_FILE', 'LETHE_TLS_KEY_FILE', 'LETHE_PROXY_CERT_FILE', 'LETHE_REDIS_CA_FILE']) {
  test(`${env} takes a regular file that can be read, and never shows the path`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lethe-config-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'a file.pem')
    writeFileSync(file, 'PEM')
    t.notMatch(problemsOf({ [env]: file })[env] ?? '', /cannot be read|regular file/)
    for (const path of [folder, join(folder, 'none'), join(file, 'none'), '/dev/null', 'a\u0000b', 'x'.repeat(5000)]) {
      const { [env]: message = '' } = problemsOf({ [env]: path })
      t.match(message, /cannot be read \([A-Z]+\)|regular file|is not a path/, quote(path))
      t.notOk(message.includes(path), 'path is not shown')
    }
  })
}

test('every variable is covered by these tests or by those of its own parser', async (t) => {
  const ownTests = ['publicOrigins', 'store', 'redisMinReplicas', 'storeSecret', 'storeSecretsRead']
  const files = ['redisCaFile', 'tlsCertFile', 'tlsKeyFile', 'proxyCertFile']
  t.strictSame([...cases.map(({ key }) => key), ...ownTests, ...files].sort(), Object.keys(configSchema).sort())
})

test('the type of the configuration is as narrow as the table', async (t) => {
  const config: Config = loadConfig({})
  const bits: 12 | 16 | 20 | 24 = config.wakeBits
  const level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent' = config.logLevel
  const sizes: readonly number[] = config.envelopeBytes
  const secret: Uint8Array | undefined = config.storeSecret?.reveal()
  // @ts-expect-error a value cannot be set
  t.throws(() => (config.port = 1), TypeError)
  t.strictSame([bits, level, sizes.length, secret], [12, 'info', 2, undefined])
})

test('LETHE_REDIS_MIN_REPLICAS refuses what is not a whole number up to 100', async (t) => {
  const redis = { LETHE_REDIS_URL: 'redis://h', LETHE_STORE_SECRET: 'A'.repeat(43) }
  for (const value of [...notNumbers, '101']) {
    t.strictSame(Object.keys(problemsOf({ ...redis, LETHE_REDIS_MIN_REPLICAS: value })), ['LETHE_REDIS_MIN_REPLICAS'])
  }
  t.equal(loadConfig({ ...redis, LETHE_REDIS_MIN_REPLICAS: '100' }).redisMinReplicas, 100)
})

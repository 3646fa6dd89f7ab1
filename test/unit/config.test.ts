import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { readEnvironment } from '../../src/config/env.ts'
import { configRows } from '../../src/config/schema.ts'
import { test } from '../_util/tap.ts'
import { attempt, type Environment, problemsOf, randomSecret, redisEnvironment } from './config-problems.ts'

test('an empty environment gives the defaults of the issue and says so', async (t) => {
  const { valueOrigins, ...values } = loadConfig({})
  t.strictSame(values, {
    host: '127.0.0.1',
    port: 8080,
    adminHost: '127.0.0.1',
    adminPort: 9464,
    publicOrigins: [],
    store: { kind: 'memory' },
    redisCaFile: undefined,
    redisMinReplicas: 0,
    storeSecret: undefined,
    storeSecretsRead: [],
    envelopeBytes: [4000, 64_000],
    maxTtlSeconds: 604_800,
    defaultTtlSeconds: 86_400,
    bucketBytes: 4_194_304,
    memoryStoreBytes: 268_435_456,
    window: 32,
    wakeBits: 12,
    allowUnsafeStore: false,
    maxConnections: 10_000,
    maxWaitMs: 400,
    maxChannels: 256,
    socketBufferBytes: 4_000_000,
    outgoingBytes: 128_000_000,
    admission: 'limited',
    connectionBytesPerSecond: 4_000_000,
    prefixBytesPerSecond: 16_000_000,
    exemptPrefixes: ['127.0.0.0/8', '::1/128'],
    proxyPrefixes: [],
    drainSeconds: 20,
    tlsCertFile: undefined,
    tlsKeyFile: undefined,
    proxyCertFile: undefined,
    operatorName: undefined,
    operatorJurisdiction: undefined,
    operatorContact: undefined,
    logLevel: 'info',
    metricsIntervalSeconds: 60,
    metricsStep: 16,
    metricsExact: false,
  })
  t.strictSame(Object.keys(valueOrigins), Object.keys(values))
  t.ok(Object.values(valueOrigins).every((origin) => origin === 'default'))
})

test('names are unique, and no row takes the file form of another', async (t) => {
  const names = configRows.flatMap(([, row]) => (row.file ? [row.env, `${row.env}_FILE`] : [row.env]))
  t.equal(new Set(names).size, names.length)
})

test('the configuration is frozen all the way down', async (t) => {
  const config = loadConfig({ ...redisEnvironment('rediss://u:p@h'), LETHE_STORE_SECRETS_READ: randomSecret() })
  const unfrozen: string[] = []
  const visit = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return
    if (!Object.isFrozen(value)) unfrozen.push(path)
    for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`)
  }
  visit(config, 'config')
  t.strictSame(unfrozen, [])
  t.throws(() => Object.assign(config.envelopeBytes, [1]), TypeError)
})

test('loading twice gives two configurations that share nothing writable', async (t) => {
  const env: Environment = { LETHE_PORT: '1' }
  const config = loadConfig(env)
  env.LETHE_PORT = '2'
  t.equal(config.port, 1)
  t.equal(loadConfig(env).port, 2)
})

test('all problems are reported at once, in the order of the table, unknown names last', async (t) => {
  const error = attempt({ LETHE_WINDOW: '0', LETHE_NONSENSE: '1', LETHE_PORT: 'x', LETHE_LOG_LEVEL: 'loud' })
  t.ok(error instanceof ConfigError)
  if (!(error instanceof ConfigError)) return
  t.equal(error.code, 'ERR_CONFIG')
  t.equal(error.name, 'ConfigError')
  t.strictSame(
    error.problems.map(({ variable }) => variable),
    ['LETHE_PORT', 'LETHE_WINDOW', 'LETHE_LOG_LEVEL', 'LETHE_NONSENSE'],
  )
  t.equal(error.message, error.problems.map(({ message }) => message).join('\n'))
})

test('a problem names its variable, what is wrong and what it takes, but not the value', async (t) => {
  t.strictSame(problemsOf({ LETHE_PORT: '70123' }), {
    LETHE_PORT: 'LETHE_PORT is out of range. It takes a whole number from 0 to 65535; 0 is any free port.',
  })
  for (const [, row] of configRows) {
    const { [row.env]: message = '' } = problemsOf({ [row.env]: '\u0000' })
    t.ok(message.startsWith(`${row.env} `), row.env)
    t.ok(message.includes(`It takes ${row.takes}.`), row.env)
    t.notOk(message.includes('\u0000'), row.env)
  }
})

test('a variable set to empty text is refused, but for those where empty means none', async (t) => {
  const mayBeEmpty = configRows.filter(([, row]) => problemsOf({ [row.env]: '' })[row.env] === undefined)
  t.strictSame(
    mayBeEmpty.map(([key]) => key),
    [
      'publicOrigins',
      'storeSecretsRead',
      'exemptPrefixes',
      'proxyPrefixes',
      'operatorName',
      'operatorJurisdiction',
      'operatorContact',
    ],
  )
  t.match(problemsOf({ LETHE_REDIS_URL: '' }).LETHE_REDIS_URL, /is empty\. It takes redis:/)
  t.strictSame(loadConfig({ LETHE_PUBLIC_ORIGIN: '' }).publicOrigins, [])
  t.equal(loadConfig({ LETHE_PUBLIC_ORIGIN: '' }).valueOrigins.publicOrigins, 'environment')
})

test('an unknown LETHE_ variable is a problem, with the name that was probably meant', async (t) => {
  const meant = (name: string) => /Did you mean (\w+)\?$/.exec(problemsOf({ [name]: '1' })[name] ?? 'unreported')?.[1]
  t.equal(meant('LETHE_PROT'), undefined, 'two edits in a word of four are too many')
  t.equal(meant('LETHE_PRT'), 'LETHE_PORT')
  t.equal(meant('LETHE_PUBLIC_ORIGINS'), 'LETHE_PUBLIC_ORIGIN')
  t.equal(meant('LETHE_REDIS_URI'), 'LETHE_REDIS_URL')
  t.equal(meant('LETHE_STORE_SECRETS'), 'LETHE_STORE_SECRET')
  t.equal(meant('LETHE_STORE_SECRET_FLIE'), 'LETHE_STORE_SECRET_FILE')
  t.equal(meant('LETHE_MAX_TTL'), 'LETHE_MAX_TTL_SECONDS')
  t.equal(meant('LETHE_OPERATOR'), undefined, 'goes on in three ways')
  t.equal(meant('LETHE_SOMETHING_ELSE'), undefined)
  t.equal(meant(`LETHE_${'A'.repeat(100_000)}`.slice(0, 64)), undefined)
  for (const name of ['LETHE_', 'LETHE_TEST_REDIS_URL', 'LETHE_PORT_FILE', 'LETHE_SOMETHING_ELSE']) {
    t.match(problemsOf({ [name]: '1' }), { [name]: `${name} is not a variable that Lethe knows.` })
  }
})

test('an unknown name is shown without characters that would break a line, and not at any length', async (t) => {
  const name = `LETHE_A\n\u001b[31m${'B'.repeat(1000)}`
  const [[variable = '', message = ''] = []] = Object.entries(problemsOf({ [name]: '1' }))
  t.match(variable, /^LETHE_A\?\?\?31mB{51}$/)
  t.equal(message, `${variable} is not a variable that Lethe knows.`)
})

test('variables that Kubernetes makes for a Service called lethe are told apart', async (t) => {
  const env = {
    LETHE_PORT: 'tcp://10.0.0.7:8080',
    LETHE_SERVICE_HOST: '10.0.0.7',
    LETHE_SERVICE_PORT_HTTP: '8080',
    LETHE_PORT_8080_TCP_ADDR: '10.0.0.7',
  }
  const problems = problemsOf(env)
  t.strictSame(Object.keys(problems), Object.keys(env))
  for (const message of Object.values(problems)) t.match(message, /enableServiceLinks: false/)
})

test('what does not begin with LETHE_, or is undefined, is passed over', async (t) => {
  const env = { PATH: '/bin', lethe_port: 'x', XLETHE_PORT: 'x', LETHE_NONSENSE: undefined, LETHE_PORT: undefined }
  t.strictSame(problemsOf(env), {})
  t.equal(loadConfig(env).valueOrigins.port, 'default')
})

test('only the LETHE_ variables of the process are read', async (t) => {
  process.env.LETHE_WINDOW = '7'
  process.env.NOT_LETHE_WINDOW = '8'
  t.teardown(() => {
    delete process.env.LETHE_WINDOW
    delete process.env.NOT_LETHE_WINDOW
  })
  const env = readEnvironment()
  t.equal(env.LETHE_WINDOW, '7')
  t.ok(Object.keys(env).every((name) => name.startsWith('LETHE_')))
})

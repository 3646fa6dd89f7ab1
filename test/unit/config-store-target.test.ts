import fc from 'fast-check'
import { parseStoreTarget, type StoreTarget, showStoreTarget } from '../../src/config/store-target.ts'
import { InvalidValueError } from '../../src/config/values.ts'
import { test } from '../_util/tap.ts'
import { problemsOf, quote, redisEnvironment } from './config-problems.ts'

/** The target with its password laid open, to compare. */
function read(text: string) {
  const target = parseStoreTarget(text)
  if (target.kind === 'memory') return target
  const { password, ...rest } = target
  return { ...rest, ...(password && { password: password.reveal() }) }
}

test('no text is the memory store', async (t) => {
  t.strictSame(parseStoreTarget(''), { kind: 'memory' })
})

test('one node', async (t) => {
  const h = { host: 'h', port: 6379 }
  t.strictSame(read('redis://h'), { kind: 'node', hosts: [h], tls: false, db: 0 })
  t.strictSame(read('REDIS://H/'), { kind: 'node', hosts: [h], tls: false, db: 0 })
  t.strictSame(read('rediss://h:7000/15'), { kind: 'node', hosts: [{ host: 'h', port: 7000 }], tls: true, db: 15 })
  t.strictSame(read('redis://[::1]'), { kind: 'node', hosts: [{ host: '::1', port: 6379 }], tls: false, db: 0 })
  t.strictSame(read('redis://[FE80::A]:1'), { kind: 'node', hosts: [{ host: 'fe80::a', port: 1 }], tls: false, db: 0 })
  t.match(read('redis://10.0.0.1:65535'), { hosts: [{ host: '10.0.0.1', port: 65_535 }] })
})

test('user and password are percent-decoded, and absent where not given', async (t) => {
  t.match(read('redis://user:pass@h'), { username: 'user', password: 'pass' })
  const alone = read('redis://:pass@h')
  t.match(alone, { password: 'pass' })
  t.notOk('username' in alone)
  t.notOk('password' in read('redis://h'))
  t.match(read('redis://us%3Aer:p%40ss%2F%3F%23%25%2C%20%C3%BC@h/1'), {
    username: 'us:er',
    password: 'p@ss/?#%, ü',
    db: 1,
  })
  t.match(read('redis://user:a:b@h'), { username: 'user', password: 'a:b' })
  t.match(read('redis://user:a+b@h'), { password: 'a+b' })
})

test('Sentinel', async (t) => {
  t.strictSame(read('redis+sentinel://user:pass@h1,h2:1,[::1]/my-master_1.x'), {
    kind: 'sentinel',
    hosts: [
      { host: 'h1', port: 26_379 },
      { host: 'h2', port: 1 },
      { host: '::1', port: 26_379 },
    ],
    tls: false,
    username: 'user',
    password: 'pass',
    masterName: 'my-master_1.x',
  })
  t.match(read('rediss+sentinel://h/m'), { kind: 'sentinel', tls: true, masterName: 'm' })
})

test('Cluster', async (t) => {
  t.strictSame(read('redis+cluster://h1,h2:7001'), {
    kind: 'cluster',
    hosts: [
      { host: 'h1', port: 6379 },
      { host: 'h2', port: 7001 },
    ],
    tls: false,
  })
  t.match(read('rediss+cluster://:p@[::1]:7000,h/'), { kind: 'cluster', tls: true, password: 'p' })
})

test('anything else is refused', async (t) => {
  for (const text of [
    'h',
    'h:6379',
    '//h',
    'http://h',
    'redis:h',
    'redis:/h',
    'redis+unix://h',
    'redis+sentinel+cluster://h',
    'unix:///run/redis.sock',
    'redis://',
    'redis:///0',
    'redis://,',
    'redis://h,',
    'redis://h1,h2',
    'redis://h:',
    'redis://h:0',
    'redis://h:65536',
    'redis://h:06379',
    'redis://h:x',
    'redis://h:1:2',
    'redis://::1',
    'redis://[::1',
    'redis://[::1]x',
    'redis://[h]',
    'redis://[127.0.0.1]',
    'redis://[]',
    'redis://h/x',
    'redis://h/-1',
    'redis://h/01',
    'redis://h/2147483648',
    'redis://h/0/',
    'redis://h/0?tls',
    'redis://h?db=1',
    'redis://h#',
    'redis://@h',
    'redis://:@h',
    'redis://user@h',
    'redis://user:@h',
    'redis://user:p@ss@h',
    'redis://user:p/ss@h',
    'redis://user:p?ss@h',
    'redis://user:p#ss@h',
    'redis://user:100%@h',
    'redis://user:%ff@h',
    'redis://user:pä@h',
    'redis://us er:pass@h',
    ' redis://h',
    'redis://h\n',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel://h/a/b',
    'redis+sentinel://h/a%20b',
    'redis+sentinel:///m',
    'redis+cluster://h/0',
    'redis+cluster://h,,h',
  ]) {
    t.throws(() => parseStoreTarget(text), InvalidValueError, quote(text))
    t.strictSame(Object.keys(problemsOf({ LETHE_REDIS_URL: text })), ['LETHE_REDIS_URL'], quote(text))
  }
})

test('a refused URL is not echoed', async (t) => {
  const password = 'Vx3kq9Zt'
  for (const text of [
    `redis://${password}@h`,
    `redis://user:${password}/x@h`,
    `redis://user:${password}@x@h`,
    `redis://user:${password}%@h`,
    `redis://user:${password}?@h`,
    `redis://user:${password}@h:x`,
    `redis+sentinel://user:${password}@h`,
    `redis+cluster://user:${password}@h/1`,
    `rediss//user:${password}@h`,
  ]) {
    const { LETHE_REDIS_URL: message = '' } = problemsOf(redisEnvironment(text))
    t.match(message, /^LETHE_REDIS_URL has|^LETHE_REDIS_URL does not|^LETHE_REDIS_URL names/, text)
    t.notOk(message.includes(password), text)
  }
})

test('it is shown with every port, and with the password masked', async (t) => {
  for (const [text, shown] of [
    ['', ''],
    ['redis://h', 'redis://h:6379/0'],
    ['rediss://us%3Aer:secret@h/2', 'rediss://us%3Aer:***@h:6379/2'],
    ['redis+sentinel://:secret@h1,[::1]:1/m', 'redis+sentinel://:***@h1:26379,[::1]:1/m'],
    ['rediss+cluster://h1:7000,h2', 'rediss+cluster://h1:7000,h2:6379'],
  ] as const) {
    t.equal(showStoreTarget(parseStoreTarget(text)), shown)
  }
})

test('what is put together from any parts is taken apart into them', async (t) => {
  const host = fc.oneof(
    fc.domain().map((name) => name.toLowerCase()),
    fc.ipV4(),
    fc.constantFrom('::1', 'fe80::1:2', '2001:db8::7'),
  )
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined })
  const hosts = fc.array(fc.record({ host, port }), { minLength: 1, maxLength: 5 })
  const name = fc.string({ unit: 'grapheme' })
  const credentials = fc.option(fc.record({ username: name, password: name.filter((text) => text !== '') }))
  fc.assert(
    fc.property(fc.constantFrom('sentinel', 'cluster'), fc.boolean(), hosts, credentials, (kind, tls, list, login) => {
      const defaultPort = kind === 'sentinel' ? 26_379 : 6379
      const authority = list
        .map((item) => (item.host.includes(':') ? `[${item.host}]` : item.host) + (item.port ? `:${item.port}` : ''))
        .join(',')
      const user = login ? `${encodeURIComponent(login.username)}:${encodeURIComponent(login.password)}@` : ''
      const text = `redis${tls ? 's' : ''}+${kind}://${user}${authority}${kind === 'sentinel' ? '/m' : ''}`
      const { password, ...target } = parseStoreTarget(text) as Exclude<StoreTarget, { kind: 'memory' }>
      t.strictSame(
        { ...target },
        {
          kind,
          hosts: list.map((item) => ({ host: item.host, port: item.port ?? defaultPort })),
          tls,
          ...(login?.username && { username: login.username }),
          ...(kind === 'sentinel' && { masterName: 'm' }),
        },
      )
      t.equal(password?.reveal(), login?.password)
    }),
  )
})

import fc from 'fast-check'
import { loadConfig } from '../../src/config/config.ts'
import { isLoopbackHost, loopbackOrigins } from '../../src/config/origins.ts'
import { test } from '../_util/tap.ts'
import { attempt, problemsOf, quote } from './config-problems.ts'

const read = (text: string) => loadConfig({ LETHE_PUBLIC_ORIGIN: text }).publicOrigins

test('[protocol §5] origins are brought to the form that signatures cover', async (t) => {
  for (const [text, origins] of [
    ['https://relay.example', ['https://relay.example']],
    ['HTTPS://Relay.EXAMPLE/', ['https://relay.example']],
    ['https://relay.example:443', ['https://relay.example']],
    ['https://relay.example:443/', ['https://relay.example']],
    ['http://relay.example:80', ['http://relay.example']],
    ['http://relay.example:443', ['http://relay.example:443']],
    ['https://relay.example:80', ['https://relay.example:80']],
    ['https://relay.example:8443/', ['https://relay.example:8443']],
    ['http://127.0.0.1:8080', ['http://127.0.0.1:8080']],
    ['http://[::1]:8080', ['http://[::1]:8080']],
    ['http://[FE80::A]', ['http://[fe80::a]']],
    ['https://xn--bcher-kva.example', ['https://xn--bcher-kva.example']],
    ['http://abcdefghijklmnop.onion', ['http://abcdefghijklmnop.onion']],
    ['https://a , https://b', ['https://a', 'https://b']],
    ['https://a,https://b,https://c,https://d', ['https://a', 'https://b', 'https://c', 'https://d']],
  ] as const) {
    t.strictSame(read(text), origins, text)
  }
})

test('[protocol §5] anything that is no origin in that form is refused', async (t) => {
  for (const text of [
    'relay.example',
    'https://',
    'https:relay.example',
    'https:/relay.example',
    'wss://relay.example',
    'ftp://relay.example',
    'null',
    '*',
    'https://*',
    'https://*.relay.example',
    'https://relay.example/path',
    'https://relay.example//',
    'https://relay.example?',
    'https://relay.example/?a',
    'https://relay.example#',
    'https://user@relay.example',
    'https://user:pass@relay.example',
    'https://@relay.example',
    'https://relay.example:',
    'https://relay.example:0',
    'https://relay.example:0443',
    'https://relay.example:65536',
    'https://relay.example:x',
    'https://relay.example\\',
    'https://relay example',
    'https://bücher.example',
    'https://\u212aelvin.example',
    'https://relay%2eexample',
    'https://a..b',
    'https://relay.example.',
    'https://127.1',
    'https://0x7f.0.0.1',
    'https://127.000.000.001',
    'https://[::0001]',
    'https://[::1%25eth0]',
    'https://[127.0.0.1]',
    'https://::1',
    ',',
    'https://a,',
    ',https://a',
    'https://a https://b',
    'https://a,https://b,https://c,https://d,https://e',
    'https://a,HTTPS://A:443/',
  ]) {
    t.strictSame(Object.keys(problemsOf({ LETHE_PUBLIC_ORIGIN: text })), ['LETHE_PUBLIC_ORIGIN'], quote(text))
  }
})

test('what is taken is what a browser calls the origin, and is taken again unchanged', async (t) => {
  const part = fc.oneof(
    fc.webAuthority(),
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((ip) => `[${ip}]`),
    fc.string(),
  )
  const text = fc
    .tuple(fc.constantFrom('http', 'https', 'HTTPS'), part, fc.constantFrom('', '/', ':80', ':443', ':8080/', '?'))
    .map(([scheme, host, end]) => `${scheme}://${host}${end}`)
  let taken = 0
  fc.assert(
    fc.property(text, (candidate) => {
      const outcome = attempt({ LETHE_PUBLIC_ORIGIN: candidate })
      if (outcome instanceof Error) return
      taken++
      for (const origin of outcome.publicOrigins) {
        t.equal(new URL(origin).origin, origin)
        t.strictSame(read(origin), [origin])
      }
    }),
    { numRuns: 500 },
  )
  t.ok(taken > 50, 'enough of the candidates are origins')
})

test('[protocol §5] the origins of a relay on loopback', async (t) => {
  t.strictSame(loopbackOrigins(8080, false), ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080'])
  t.strictSame(loopbackOrigins(8443, true), ['https://localhost:8443', 'https://127.0.0.1:8443', 'https://[::1]:8443'])
  t.strictSame(loopbackOrigins(80, false), ['http://localhost', 'http://127.0.0.1', 'http://[::1]'])
  t.strictSame(loopbackOrigins(443, true), ['https://localhost', 'https://127.0.0.1', 'https://[::1]'])
  t.equal(loopbackOrigins(443, false)[0], 'http://localhost:443')
  t.equal(loopbackOrigins(80, true)[0], 'https://localhost:80')
})

test('the origins of a loopback relay could be configured as they are', async (t) => {
  for (const port of [80, 443, 1, 65_535]) {
    for (const tls of [true, false])
      t.strictSame(read(loopbackOrigins(port, tls).join(',')), loopbackOrigins(port, tls))
  }
})

test('loopback is 127.0.0.0/8, ::1 and localhost', async (t) => {
  for (const host of ['127.0.0.0', '127.0.0.1', '127.255.255.255', '::1', '0:0::1', 'localhost']) {
    t.ok(isLoopbackHost(host), host)
  }
  for (const host of ['126.255.255.255', '128.0.0.0', '0.0.0.0', '::', '::2', 'localhost.example', '127.example', '']) {
    t.notOk(isLoopbackHost(host), host)
  }
})

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { originHash, parseRelayUrl } from '../../src/client/relay-url.ts'
import { test } from '../_util/tap.ts'

test('[protocol §5] the origin is in normal form, whatever form the URL has', async (t) => {
  const forms: [string, string][] = [
    ['https://relay.example', 'https://relay.example'],
    ['HTTPS://Relay.EXAMPLE/', 'https://relay.example'],
    ['wss://relay.example:443/', 'https://relay.example'],
    ['wss://relay.example:8443', 'https://relay.example:8443'],
    ['ws://relay.example:80', 'http://relay.example'],
    ['ws://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://[0:0::1]:8080', 'http://[::1]:8080'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ]
  for (const [url, origin] of forms) {
    t.same(parseRelayUrl(url), { origin, socketOrigin: origin.replace(/^http/, 'ws') }, url)
    t.equal(parseRelayUrl(new URL(url)).origin, origin, `${url} as URL`)
  }
})

test('a URL that says more than where the relay is, or is none, is refused', async (t) => {
  const wrong = [
    '',
    'relay.example',
    'localhost:8080',
    'ftp://relay.example',
    'https://',
    'https://relay.example/v1',
    'https://relay.example/?a',
    'https://relay.example/#a',
    'https://user@relay.example',
    'https://:secret@relay.example',
  ]
  for (const url of wrong) t.throws(() => parseRelayUrl(url), { code: 'ERR_RELAY_URL' }, url)
})

test('an origin in normal form stays what it is, in every spelling of its URL', async (t) => {
  const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/).filter((text) => !text.startsWith('xn--'))
  const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined })
  const spelling = fc.record({
    secure: fc.boolean(),
    socket: fc.boolean(),
    host,
    port,
    upper: fc.boolean(),
    slash: fc.boolean(),
  })
  const isStable = fc.property(spelling, ({ secure, socket, host, port, upper, slash }) => {
    const defaultPort = secure ? 443 : 80
    const suffix = port === undefined || port === defaultPort ? '' : `:${port}`
    const normal = `${secure ? 'https' : 'http'}://${host}${suffix}`
    const scheme = `${socket ? 'ws' : 'http'}${secure ? 's' : ''}`
    const written = `${scheme}://${host}${port === undefined ? '' : `:${port}`}${slash ? '/' : ''}`
    const { origin, socketOrigin } = parseRelayUrl(upper ? written.toUpperCase() : written)
    return origin === normal && socketOrigin === normal.replace('http', 'ws') && parseRelayUrl(origin).origin === origin
  })
  t.doesNotThrow(() => fc.assert(isStable))
})

test('[protocol §5] what is signed is the SHA-256 of the origin as text', async (t) => {
  const origin = 'https://relay.example'
  t.same(originHash(origin), new Uint8Array(createHash('sha256').update(origin).digest()))
})

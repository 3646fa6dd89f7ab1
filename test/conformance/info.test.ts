import { readFileSync } from 'node:fs'
import { CLASSES } from './client.ts'
import { request } from './http.ts'
import { checkEveryAnswer, parseJson } from './problems.ts'
import { forBothStores } from './stores.ts'

const OPERATOR = { name: 'Fish & <b>Chips</b>', jurisdiction: 'Testland', contact: 'mailto:ask@operator.example' }
const packageFile = new URL('../../../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

const ENV = {
  LETHE_OPERATOR_NAME: OPERATOR.name,
  LETHE_OPERATOR_JURISDICTION: OPERATOR.jurisdiction,
  LETHE_OPERATOR_CONTACT: OPERATOR.contact,
  LETHE_MAX_CHANNELS: '77',
}

forBothStores(
  'info',
  async (t, relay) => {
    await t.test('[protocol §7] /v1/info says what anyone may ask', async (t) => {
      const answer = await request(relay, '/v1/info')
      t.equal(answer.status, 200)
      t.match(answer.headers['content-type'], /^application\/json(;|$)/)
      checkEveryAnswer(t, answer)
      const info = parseJson(answer.body)
      const { port } = new URL(relay.url)
      const loopback = ['localhost', '127.0.0.1', '[::1]'].map((host) => `http://${host}:${port}`)
      t.match(String(info.protocol), /1/, 'the protocol and its version')
      t.same([...(info.publicOrigins as string[])].sort(), loopback.sort(), 'loopback origins [protocol §5]')
      t.same(info.envelopeBytes, [4_000, 64_000])
      t.same(info.ttlClasses, [...CLASSES])
      t.equal(info.defaultTtl, 86_400)
      t.equal(info.maxTtl, 604_800)
      t.equal(info.window, 32)
      t.equal(info.bucketBytes, 4_194_304)
      t.same(info.operator, OPERATOR)
      const text = answer.body.toString('utf8')
      t.match(text, /:\s*77\b/, 'the channel policy: LETHE_MAX_CHANNELS')
      t.ok(text.includes(`"${version}"`), 'the software version')
      t.match(text, /commit/i, 'the commit')
      t.match(text, /admission/i, 'the admission policy')
      t.match(text, /ohttp/i, 'the location of OHTTP keys')
    })

    await t.test('[protocol §7] / is the same for people', async (t) => {
      const answer = await request(relay, '/')
      t.equal(answer.status, 200)
      t.match(answer.headers['content-type'], /^text\/html(;|$)/)
      checkEveryAnswer(t, answer)
      const page = answer.body.toString('utf8')
      t.match(page, /<!doctype html>/i)
      for (const said of [OPERATOR.jurisdiction, 'ask@operator.example', version]) t.ok(page.includes(said), said)
      t.notMatch(page, /<b>Chips/, 'what the operator wrote is text, not markup')
      t.match(page, /Fish &amp; &lt;b&gt;Chips/)
      t.notMatch(page, /<script[^>]+src=["']?(https?:)?\/\//i, 'nothing is loaded from elsewhere')
    })

    await t.test('[protocol §7] HEAD is GET without the body (RFC 9110 §9.1)', async (t) => {
      for (const path of ['/v1/info', '/']) {
        const answer = await request(relay, path, { method: 'HEAD' })
        t.equal(answer.status, 200, path)
        t.equal(answer.body.length, 0, path)
      }
    })
  },
  ENV,
)

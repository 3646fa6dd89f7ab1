import { connect } from 'node:net'
import type { Test } from '../_util/tap.ts'
import { createEnvelope, createMailbox } from './client.ts'
import { type Answer, deposit, exchangeRaw, OCTETS, post, request } from './http.ts'
import { checkEveryAnswer, checkProblem, lastingHeaders, PROBLEMS, parseJson } from './problems.ts'
import { forBothStores, type Relay } from './stores.ts'

const POSTED = ['/v1/deposit', '/v1/mailbox/fetch', '/v1/mailbox/ack']
const SOCKETS = ['/v1/deposit', '/v1/mailbox']
const PAGE = { Origin: 'https://page.example' }

/** A list in a header, in lower case. */
function listed(header: string | string[] | undefined): string[] {
  return String(header ?? '')
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
}

async function methods(t: Test, relay: Relay): Promise<void> {
  const body = createEnvelope(4_032)
  for (const path of POSTED) {
    for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      const answer = await request(relay, path, { method, headers: { 'Content-Type': OCTETS }, body })
      checkProblem(t, answer, 'ERR_METHOD', `${method} ${path}`)
      t.ok(listed(answer.headers.allow).includes('post'), `Allow names POST for ${path}`)
    }
  }
  for (const path of ['/v1/mailbox/fetch', '/v1/mailbox/ack']) {
    const answer = await request(relay, path)
    checkProblem(t, answer, 'ERR_METHOD', `GET ${path}`)
    t.same(listed(answer.headers.allow).includes('post'), true, `Allow of ${path}`)
  }
  for (const path of ['/v1/info', '/']) {
    const answer = await post(relay, path, body)
    checkProblem(t, answer, 'ERR_METHOD', `POST ${path}`)
    t.ok(listed(answer.headers.allow).includes('get'), `Allow names GET for ${path}`)
  }
}

async function socketPaths(t: Test, relay: Relay): Promise<void> {
  for (const path of SOCKETS) {
    const get = await request(relay, path)
    checkProblem(t, get, 'ERR_METHOD', `GET ${path}`)
    t.type(get.headers.allow, 'string', `Allow of ${path}`)
    const head = await request(relay, path, { method: 'HEAD' })
    t.equal(head.status, 405, `HEAD ${path}`)
    t.type(head.headers.allow, 'string', `Allow of ${path}`)
    t.equal(head.body.length, 0)
    checkEveryAnswer(t, head)
  }
  checkProblem(t, await post(relay, '/v1/mailbox', createEnvelope(4_032)), 'ERR_METHOD', 'POST /v1/mailbox')
}

const UNKNOWN_PATHS = [
  '/nothing',
  '/v1',
  '/v1/',
  '/v1/deposits',
  '/v1/deposit/x',
  '/v1/mailbox/x',
  '/v2/deposit',
  '/V1/DEPOSIT',
  '/.env',
  '//',
  '/v1/../etc/passwd',
]

async function unknownRoutes(t: Test, relay: Relay): Promise<void> {
  for (const path of UNKNOWN_PATHS) {
    checkProblem(t, await request(relay, path), 'ERR_NOT_FOUND', path)
    checkProblem(t, await post(relay, path, createEnvelope(4_032)), 'ERR_NOT_FOUND', `POST ${path}`)
  }
}

async function samePairs(t: Test, relay: Relay): Promise<void> {
  const { address } = createMailbox()
  const pairs: [string, Promise<Answer>, Promise<Answer>][] = [
    ['ERR_MALFORMED', deposit(relay, address, createEnvelope(), 'x'), post(relay, '/v1/mailbox/ack', address)],
    ['ERR_ENVELOPE_SIZE', deposit(relay, address, createEnvelope(5)), deposit(relay, address, createEnvelope(63_999))],
    ['ERR_TOO_LARGE', deposit(relay, address, createEnvelope(64_001)), deposit(relay, address, createEnvelope(90_000))],
    [
      'ERR_MEDIA_TYPE',
      post(relay, '/v1/deposit', address, { 'Content-Type': 'text/plain' }),
      post(relay, '/v1/mailbox/fetch', address, { 'Content-Type': 'image/png' }),
    ],
    ['ERR_NOT_FOUND', request(relay, '/one'), request(relay, '/another?with=query')],
  ]
  for (const [code, one, other] of pairs) {
    const [first, second] = [await one, await other]
    t.ok(first.body.includes(code), `the body names ${code}`)
    t.equal(first.body.toString('latin1'), second.body.toString('latin1'), `${code}: the same bytes`)
    t.same(lastingHeaders(first), lastingHeaders(second), `${code}: the same headers`)
  }
}

async function preflights(t: Test, relay: Relay): Promise<void> {
  for (const path of POSTED) {
    const headers = {
      ...PAGE,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type,ttl',
    }
    const answer = await request(relay, path, { method: 'OPTIONS', headers })
    t.ok(answer.status === 200 || answer.status === 204, `an ok status (Fetch §4.8): ${answer.status}`)
    t.equal(answer.body.length, 0)
    t.equal(answer.headers['access-control-allow-origin'], '*')
    t.ok(listed(answer.headers['access-control-allow-methods']).includes('post'), `POST at ${path}`)
    const allowed = listed(answer.headers['access-control-allow-headers'])
    t.ok(allowed.includes('content-type'), `Content-Type at ${path}`)
    t.ok(allowed.includes('ttl'), `TTL at ${path}`)
    t.match(answer.headers['access-control-max-age'], /^[1-9]\d*$/, 'it may be kept')
    t.equal(answer.headers['access-control-allow-credentials'], undefined)
    t.equal(answer.headers['set-cookie'], undefined)
    t.equal(answer.headers['cache-control'], 'no-store')
  }
}

async function halfRequests(t: Test, relay: Relay): Promise<void> {
  const { hostname: host, port } = new URL(relay.url)
  const head = `POST /v1/deposit HTTP/1.1\r\nHost: relay\r\nContent-Type: ${OCTETS}\r\n`
  const halves = [head, `${head}Content-Length: 4032\r\n\r\n`, 'GET / HT', '']
  const hanging = Array.from({ length: 20 }, (_, index) => {
    const socket = connect({ host, port: Number(port) })
    socket.on('error', () => {}) // the relay may end it at any time
    socket.write(halves[index % halves.length] ?? '')
    return socket
  })
  for (let round = 0; round < 5; round++) {
    t.equal((await deposit(relay, createMailbox().address, createEnvelope())).status, 202)
  }
  for (const socket of hanging) socket.destroy()
}

forBothStores('HTTP surface', async (t, relay) => {
  await t.test('[protocol §6] another method than the route has is 405 with Allow', (t) => methods(t, relay))
  await t.test('[protocol §6] GET and HEAD without upgrade on the paths of sockets', (t) => socketPaths(t, relay))
  await t.test('[protocol §6] no such route', (t) => unknownRoutes(t, relay))
  await t.test('[protocol §6] nothing in an error depends on the request', (t) => samePairs(t, relay))
  await t.test('[protocol §7] preflights are answered and may be kept', (t) => preflights(t, relay))
  await t.test('[protocol §6] half a request left hanging hinders nobody', (t) => halfRequests(t, relay))

  await t.test('[protocol §7] a page may read answers and errors', async (t) => {
    const body = createEnvelope(4_032)
    const accepted = await post(relay, '/v1/deposit', body, PAGE)
    t.equal(accepted.status, 202)
    const refused = await post(relay, '/v1/deposit', body.subarray(1), PAGE)
    t.equal(refused.status, 422)
    for (const answer of [accepted, refused]) checkEveryAnswer(t, answer)
    for (const path of ['/', '/v1/info', '/nothing', '/v1/mailbox']) {
      checkEveryAnswer(t, await request(relay, path, { headers: PAGE }))
    }
  })

  await t.test('[protocol §6] no error echoes what was sent', async (t) => {
    const canary = 'Canary7f3a'
    const headers = { 'Content-Type': `text/${canary}`, TTL: canary, 'X-Other': canary }
    const answers = [
      await request(relay, `/${canary}?${canary}`, { headers }),
      await request(relay, '/v1/deposit', { method: 'POST', headers, body: Buffer.from(canary) }),
      await post(relay, '/v1/deposit', createEnvelope(4_032), { TTL: canary }),
      await request(relay, `/v1/mailbox?${canary}`, { headers }),
    ]
    for (const { status, body, rawHeaders } of answers) {
      t.ok(status >= 400, `refused: ${status}`)
      t.notMatch(body.toString('latin1') + rawHeaders.join(), new RegExp(canary, 'i'))
    }
  })

  await t.test(
    '[protocol §6] a path that does not decode, and what is not HTTP at all, get a problem too',
    async (t) => {
      const broken = [
        'GET /%ffcanary HTTP/1.1',
        'GET /%zzcanary HTTP/1.1',
        'canary',
        `GET /${'canary'.repeat(9_000)} HTTP/1.1`,
      ]
      for (const line of broken) {
        const text = await exchangeRaw(relay, `${line}\r\nHost: relay\r\nConnection: close\r\n\r\n`)
        const [head = '', body = ''] = text.split('\r\n\r\n')
        const { code, status } = parseJson(Buffer.from(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)))
        t.match(head, /^content-type: application\/problem\+json/im, `problem+json for ${line.slice(0, 30)}`)
        t.match(head, /^cache-control: no-store/im, `no-store for ${line.slice(0, 30)}`)
        const [, registered] = PROBLEMS[code as keyof typeof PROBLEMS] ?? []
        t.equal(status, registered, `a code of the registry: ${code}`)
        t.equal(head.slice(0, 12), `HTTP/1.1 ${registered}`, 'and its status')
        t.notMatch(text, /canary/, 'not echoed')
      }
    },
  )
})

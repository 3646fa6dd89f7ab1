import { request as httpRequest } from 'node:http'
import { WebSocket } from 'ws'
import { startRelay } from '../../src/app.ts'
import { createMailbox, signRequest } from '../../src/client/mailbox.ts'
import { loadConfig } from '../../src/config/config.ts'
import { INVENTORY } from '../../src/disclosure/inventory.ts'
import { CLOSE } from '../../src/protocol/errors.ts'
import { encodeAckRequest, encodeFetchRequest, parseFetchAnswer } from '../../src/protocol/signed-requests.ts'
import { createEvents } from '../../src/telemetry/events.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { type Test, test } from '../_util/tap.ts'
import { listed, routesOf } from './inventory-sources.ts'

const SIZE = 4000

interface Answer {
  status: number
  /** Names in lower case. */
  headers: string[]
  body: Buffer
}

/** A relay in this process whose store is full after one envelope. */
async function start(t: Test) {
  const config = loadConfig({
    LETHE_PORT: '0',
    LETHE_ADMIN_PORT: '0',
    LETHE_DRAIN_SECONDS: '1',
    LETHE_ENVELOPE_BYTES: String(SIZE),
    LETHE_MEMORY_STORE_BYTES: String(SIZE + 3000),
  })
  const { started, routes } = await routesOf(() => startRelay(config, { events: createEvents(createLogger('silent')) }))
  t.teardown(() => started.drain())
  return { relay: started, routes, origin: `http://127.0.0.1:${started.port}` }
}

function ask(port: number, line: string, body?: Uint8Array): Promise<Answer> {
  const [method, path] = line.split(' ') as [string, string]
  const headers = body === undefined ? {} : { 'content-type': 'application/octet-stream' }
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.keys(response.headers),
          body: Buffer.concat(chunks),
        }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Names of the headers with which a socket begins. */
function upgrade(url: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'lethe.v1', { perMessageDeflate: false })
    socket.on('upgrade', ({ headers }) => resolve(Object.keys(headers)))
    socket.on('open', () => socket.close())
    socket.on('error', reject)
  })
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** One request of every kind: each route, answered well and badly. */
async function askEverything({ relay, origin }: Awaited<ReturnType<typeof start>>): Promise<Map<string, Answer[]>> {
  const mailbox = createMailbox()
  const { publicKey, address } = mailbox
  const signed = (kind: 'fetch' | 'ack', covered: Uint8Array) =>
    Buffer.concat([covered, signRequest(mailbox, kind, origin, covered)])
  const deposit = Buffer.concat([address, Buffer.alloc(SIZE)])
  const fetch = { publicKey, timeSeconds: nowSeconds(), sizeIndex: 0, waitSeconds: 0, slots: 2 }
  const stale = { ...fetch, timeSeconds: nowSeconds() - 3600 }
  const ack = encodeAckRequest({ publicKey, timeSeconds: nowSeconds(), ids: Buffer.alloc(16) })
  const requests: [string, Uint8Array?][] = [
    ['GET /'],
    ['GET /v1/info'],
    ['POST /v1/deposit', deposit],
    ['POST /v1/deposit', deposit],
    ['POST /v1/deposit', Buffer.alloc(7)],
    ['GET /v1/deposit'],
    ['GET /v1/mailbox'],
    ['POST /v1/mailbox/fetch', signed('fetch', encodeFetchRequest(fetch))],
    ['POST /v1/mailbox/fetch', signed('fetch', encodeFetchRequest(stale))],
    ['POST /v1/mailbox/ack', signed('ack', ack)],
    ['OPTIONS /v1/deposit'],
    ['PUT /v1/deposit', Buffer.alloc(1)],
    ['GET /nowhere'],
  ]
  const answers = new Map<string, Answer[]>()
  for (const [line, body] of requests) {
    answers.set(line, [...(answers.get(line) ?? []), await ask(relay.port, line, body)])
  }
  for (const line of ['GET /livez', 'GET /readyz', 'GET /metrics']) {
    answers.set(line, [await ask(relay.adminPort, line)])
  }
  return answers
}

test('answers: the routes of a started relay are those of the inventory', async (t) => {
  const { routes } = await start(t)
  const paths = INVENTORY.flatMap(({ place, part }) =>
    place === 'response' && /^(GET|POST|PUT|DELETE) \//.test(part) ? [part.split(' ').slice(0, 2).join(' ')] : [],
  )
  const isHead = (route: string) => route.startsWith('HEAD ') && routes.includes(route.replace('HEAD', 'GET'))
  t.same(
    routes.filter((route) => !isHead(route)),
    [...new Set(paths)].sort(),
  )
})

test('answers: every header, and every field of a body, is in the inventory, and no other', async (t) => {
  const started = await start(t)
  const answers = await askEverything(started)
  const common = ['every answer', 'every error']
  const inventoryOf = (...parts: string[]) =>
    listed('response', (part) => parts.includes(part)).map((line) => line.split(' | ')[1] as string)
  const seen = new Set<string>()
  const note = (line: string, isError: boolean, names: readonly string[]) => {
    const own = line.startsWith('OPTIONS') ? 'OPTIONS of every path' : line
    const known = inventoryOf('every answer', ...(isError ? ['every error'] : [own]))
    t.same(
      names.filter((name) => !known.includes(name)),
      [],
      line,
    )
    for (const name of names) {
      for (const part of [...common, own]) if (inventoryOf(part).includes(name)) seen.add(`${part} | ${name}`)
    }
  }
  for (const [line, list] of answers) {
    for (const { status, headers, body } of list) {
      const isError = status >= 400
      const isJson = body.length > 0 && body[0] === '{'.charCodeAt(0)
      const fields = isJson ? Object.keys(JSON.parse(body.toString('utf8'))).map((field) => `body ${field}`) : []
      note(line, isError, ['status', ...headers.map((name) => `header ${name}`), ...fields])
    }
  }
  for (const line of ['GET /v1/mailbox', 'GET /v1/deposit']) {
    const headers = await upgrade(`${started.origin}${line.slice(4)}`)
    note(line, false, ['status', ...headers.map((name) => `header ${name}`)])
  }
  const hasHeaders = (name: string) => name.includes(' | header ') || name.includes(' | body ')
  const unseen = listed('response', (part) => part !== 'POST /v1/mailbox/fetch').filter(
    (name) => hasHeaders(name) && !seen.has(name),
  )
  t.same(unseen, [], 'nothing in the inventory that no answer has')
})

test('answers: what a fetch answers is in the inventory', async (t) => {
  const started = await start(t)
  const [answer] = (await askEverything(started)).get('POST /v1/mailbox/fetch') as [Answer]
  t.equal(answer.status, 200)
  const { envelopes, ...parsed } = parseFetchAnswer(answer.body, 2, SIZE)
  const fields = [...Object.keys(parsed), ...Object.keys(envelopes[0] ?? {})].map((field) => `body ${field}`)
  const part = 'POST /v1/mailbox/fetch'
  t.same(
    listed('response', (name) => name === part),
    [...fields, 'status'].map((field) => `${part} | ${field}`).sort(),
  )
})

test('metrics: a scrape holds no metric and no label that the inventory lacks', async (t) => {
  const { relay } = await start(t)
  const text = (await ask(relay.adminPort, 'GET /metrics')).body.toString('utf8')
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  t.ok(samples.length > 50)
  const known = new Set(listed('metric'))
  for (const sample of samples) {
    const [, metric = '', labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(sample) ?? []
    const name = known.has(`${metric} | value`) ? metric : metric.replace(/_(bucket|sum|count)$/, '')
    t.ok(known.has(`${name} | value`), metric)
    for (const [, label] of labels.matchAll(/(\w+)="/g)) {
      if (label !== 'le') t.ok(known.has(`${name} | label ${label}`), `${metric} ${label}`)
    }
  }
})

test('answers: there are as many close codes as the inventory says', async (t) => {
  t.equal(Object.keys(CLOSE).length, 8)
})

import { connect as connectHttp2, constants, type OutgoingHttpHeaders } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox } from '../conformance/client.ts'
import { deposit } from '../conformance/http.ts'
import { CANARY, checkNoEcho, RawConnection } from '../integration/raw-http.ts'
import { type Proxied, startProxied } from './proxied.ts'
import { smugglingShapes } from './smuggling-shapes.ts'

const AT_A_TIME = 50
const PATIENCE_MS = 1_500
const NOT_FOUND = 404

/** Sends a shape and takes what comes until the proxy ends the connection, or nothing more comes. */
async function send(proxied: Proxied, bytes: string) {
  const connection = new RawConnection(proxied)
  connection.write(bytes)
  await connection.when(() => connection.isEnded, PATIENCE_MS)
  const seen = connection.seen()
  connection.destroy()
  return seen
}

/** Asks for different things in turns on connections that the proxy keeps, as long as the attack lasts. */
async function honest(proxied: Proxied, isOver: () => boolean): Promise<number> {
  let rounds = 0
  for (; !isOver(); rounds++) {
    const info = await fetch(`${proxied.url}/v1/info`)
    if (info.status !== 200 || ((await info.json()) as { protocol: string }).protocol !== 'lethe.v1')
      throw new Error('no info')
    const { status } = await deposit(proxied, createMailbox().address, createEnvelope())
    if (status !== 202) throw new Error(`a deposit was answered ${status}`)
    await sleep(5)
  }
  return rounds
}

async function checkNothingHidden(t: Test, name: 'haproxy' | 'nginx'): Promise<void> {
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug' })
  t.teardown(() => relay.stop())
  const proxied = await startProxied(t, name, relay)
  let isOver = false
  const exchanging = honest(proxied, () => isOver)
  const shapes = Object.values(smugglingShapes())
  let told = 0
  for (let at = 0; at < shapes.length; at += AT_A_TIME) {
    const seen = await Promise.all(shapes.slice(at, at + AT_A_TIME).map((bytes) => send(proxied, bytes)))
    for (const [index, { text, answers }] of seen.entries()) {
      told += answers.filter(({ status }) => status === NOT_FOUND).length
      if (answers.some(({ status }) => status !== 200)) checkNoEcho(t, text, JSON.stringify(shapes[at + index]))
    }
  }
  isOver = true
  t.ok((await exchanging) > 0, 'honest clients got their own answers on connections that were shared')
  t.equal(proxied.answered(NOT_FOUND), told, 'the relay answered no request that its sender was not answered')
  t.ok(told > 0, 'and this would have been seen')
  checkNoEcho(t, relay.stderr(), 'what the relay wrote')
}

for (const name of ['haproxy', 'nginx'] as const) {
  test(`[RFC9112-11.2] ${name} and the relay see the same requests`, (t) => checkNothingHidden(t, name))
}

/** One request over HTTP/2. @returns its status; 0 where the stream was refused */
function ask(url: string, headers: OutgoingHttpHeaders, body: string): Promise<number> {
  return new Promise((resolve) => {
    const session = connectHttp2(url, { rejectUnauthorized: false })
    const done = (status: number) => {
      session.destroy()
      resolve(status)
    }
    session.on('error', () => done(0))
    const stream = session.request(headers, { endStream: false })
    stream.on('error', () => done(0))
    stream.on('response', (answer) => done(Number(answer[constants.HTTP2_HEADER_STATUS])))
    stream.setTimeout(5_000, () => done(0))
    stream.end(body)
  })
}

test('[RFC9113-8.1.1] lengths that lie in HTTP/2 hide no request from the proxy', async (t) => {
  const relay = await startRelay()
  t.teardown(() => relay.stop())
  const hidden = `GET /${CANARY} HTTP/1.1\r\nHost: relay\r\n\r\n`
  for (const name of ['haproxy', 'nginx'] as const) {
    const proxied = await startProxied(t, name, relay)
    const base = { ':method': 'POST', ':path': '/v1/deposit', 'content-type': 'application/octet-stream' }
    for (const length of ['0', '1', String(hidden.length - 1), String(hidden.length + 1)]) {
      const status = await ask(proxied.tlsUrl, { ...base, 'content-length': length }, hidden)
      t.ok(status === 0 || status >= 400, `${name}: a length of ${length} is refused, with ${status}`)
    }
    t.equal(await ask(proxied.tlsUrl, base, hidden), 422, 'a body of its own length is one body')
    await eventually(() => proxied.answered(422) >= 1)
    t.equal(proxied.answered(NOT_FOUND), 0, 'and nothing in it is a request')
  }
})

import { readFileSync } from 'node:fs'
import { findAddresses } from '../../src/store/redis/topology.ts'
import { sharedRedisUrl } from '../_util/redis.ts'
import { startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, idsOf, numbersOf } from '../conformance/client.ts'
import { deposit } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { checkProblem } from '../conformance/problems.ts'
import { createStoreSecret, type Env, relayFor } from '../conformance/stores.ts'
import {
  makeCertificateFiles,
  startTlsCluster,
  startTlsFront,
  startTlsNode,
  startTlsSentinel,
} from './redis-tls-setup.ts'

const MASTER_NAME = 'lethe'
const MAILBOXES = 6

async function relayOn(t: Test, url: string, env: Env = {}) {
  return await relayFor(t, { LETHE_REDIS_URL: url, LETHE_STORE_SECRET: createStoreSecret(), ...env })
}

/** What waited, what is pushed and what is acknowledged, for several mailboxes, which fall on several nodes. */
async function carries(t: Test, url: string, caFile: string): Promise<void> {
  const relay = await relayOn(t, url, { LETHE_REDIS_CA_FILE: caFile })
  await eventually(async () => (await fetch(`${relay.adminUrl}/readyz`)).status === 200, { timeoutMs: 30_000 })
  for (let i = 0; i < MAILBOXES; i++) {
    const mailbox = createMailbox()
    t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, 1))).status, 202)
    const reader = await connectMailbox(relay)
    await reader.open(1, mailbox)
    const waited = await reader.untilDrained(1)
    t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, 2))).status, 202)
    // A cluster's subscriptions may still settle, after which every session looks once more.
    const pushed = await reader.envelopesAmidDrained(1, 1)
    t.same(numbersOf([...waited, ...pushed]), [1, 2])
    reader.ack(1, idsOf([...waited, ...pushed]))
    await reader.close()
  }
}

async function isRefused(t: Test, url: string, env: Env = {}): Promise<void> {
  const relay = await relayOn(t, url, env)
  t.equal((await fetch(`${relay.adminUrl}/readyz`)).status, 503)
  checkProblem(t, await deposit(relay, createMailbox().address, createEnvelope()), 'ERR_STORE_UNAVAILABLE')
}

test('[LETHE_REDIS_URL] rediss:// with the authority of LETHE_REDIS_CA_FILE', async (t) => {
  const files = await makeCertificateFiles(t)
  await carries(t, `rediss://127.0.0.1:${await startTlsNode(t, files)}`, files.caFile)
})

test('[LETHE_REDIS_URL] rediss+sentinel://: Sentinel and master alike', async (t) => {
  const files = await makeCertificateFiles(t)
  const port = await startTlsSentinel(t, files, MASTER_NAME)
  await carries(t, `rediss+sentinel://127.0.0.1:${port}/${MASTER_NAME}`, files.caFile)
})

test('[LETHE_REDIS_URL] rediss+cluster://: every node', async (t) => {
  const files = await makeCertificateFiles(t)
  const [port] = await startTlsCluster(t, files)
  await carries(t, `rediss+cluster://127.0.0.1:${port}`, files.caFile)
})

test('[LETHE_REDIS_URL] rediss+cluster://: nodes that have certificates for their names', async (t) => {
  const files = await makeCertificateFiles(t, 'DNS:localhost')
  const [port] = await startTlsCluster(t, files, 'localhost')
  const target = { kind: 'cluster', tls: true, hosts: [{ host: 'localhost', port: port as number }] } as const
  const addresses = await findAddresses(target, readFileSync(files.caFile, 'utf8'))
  t.strictSame([...new Set(addresses.map(({ host }) => host))], ['localhost'])
  t.equal(addresses.length, 3)
  await carries(t, `rediss+cluster://localhost:${port}`, files.caFile)
})

test('[LETHE_REDIS_URL] a server that cannot prove who it is, or speaks no TLS, is not used', async (t) => {
  const files = await makeCertificateFiles(t)
  const port = await startTlsNode(t, files)
  const others = await makeCertificateFiles(t, 'IP:127.0.0.9')
  const elsewhere = await startTlsNode(t, others)
  await t.test('no authority', (t) => isRefused(t, `rediss://127.0.0.1:${port}`))
  await t.test('another authority', (t) =>
    isRefused(t, `rediss://127.0.0.1:${port}`, { LETHE_REDIS_CA_FILE: others.caFile }),
  )
  await t.test('a certificate for another host', (t) =>
    isRefused(t, `rediss://127.0.0.1:${elsewhere}`, { LETHE_REDIS_CA_FILE: others.caFile }),
  )
  await t.test('no TLS', (t) =>
    isRefused(t, sharedRedisUrl().replace('redis:', 'rediss:'), { LETHE_REDIS_CA_FILE: files.caFile }),
  )
  await t.test('TLS where none is expected', (t) => isRefused(t, `redis://127.0.0.1:${port}`))
})

test('[LETHE_REDIS_CA_FILE] a file without any certificate stops the start', async (t) => {
  const { keyFile } = await makeCertificateFiles(t)
  const env = { LETHE_REDIS_URL: 'rediss://127.0.0.1:1', LETHE_STORE_SECRET: createStoreSecret() }
  await t.rejects(
    startRelay({ ...env, LETHE_REDIS_CA_FILE: keyFile }),
    /listening \(1\):\nLETHE_REDIS_CA_FILE: it holds no certificate in PEM\n/,
  )
})

test('[RFC6066-3] a Redis that is called by name is told that name', async (t) => {
  const files = await makeCertificateFiles(t, 'DNS:localhost')
  const front = await startTlsFront(t, Number(new URL(sharedRedisUrl()).port), files)
  await carries(t, `rediss://localhost:${front.port}`, files.caFile)
  t.same([...front.names], ['localhost'])
})

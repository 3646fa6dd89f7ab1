import { X509Certificate } from 'node:crypto'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { METRICS } from '../../src/telemetry/metrics.ts'
import { parseMetricsPage } from '../_util/metrics-page.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { type Certificate, CertificateFolder, makeCertificate, makeFolder } from './tls-setup.ts'

const EXACT = { LETHE_METRICS_EXACT: 'true' }
const RELOAD = { timeoutMs: 15_000, intervalMs: 250 }

async function startFor(t: Test, env: Record<string, string>): Promise<Relay> {
  const relay = await startRelay({ ...EXACT, ...env })
  t.teardown(() => relay.stop())
  return relay
}

/** When metrics say that the certificate ends, in Unix seconds. */
async function shownEnd({ adminUrl }: Relay): Promise<number | undefined> {
  return parseMetricsPage(await (await fetch(`${adminUrl}/metrics`)).text()).get(METRICS.certificateExpiry.name)
}

function endOf({ cert }: Certificate): number {
  return Date.parse(new X509Certificate(cert).validTo) / 1000
}

/** Two that do not end in the same second. */
async function makeTwo(folder: string): Promise<[Certificate, Certificate]> {
  const first = await makeCertificate(folder, 'first')
  await sleep(1_100)
  return [first, await makeCertificate(folder, 'second')]
}

test("[D.5] metrics tell when the relay's own certificate ends, also after it was renewed", async (t) => {
  const folder = await makeFolder(t)
  const files = new CertificateFolder(folder)
  const [first, second] = await makeTwo(folder)
  await files.put(first)
  const relay = await startFor(t, files.env)
  t.equal(await shownEnd(relay), endOf(first))
  await files.put({ cert: second.cert, key: first.key })
  await eventually(() => relay.stderr().includes('"certificate-not-reloaded"'), RELOAD)
  t.equal(await shownEnd(relay), endOf(first), 'one that cannot be used is not shown')
  await files.put(second)
  await eventually(async () => (await shownEnd(relay)) === endOf(second), RELOAD).catch(() => {})
  t.equal(await shownEnd(relay), endOf(second), 'the new one is')
})

test("[D.5] metrics tell when a proxy's certificate ends, and go on with the last one that could be read", async (t) => {
  const folder = await makeFolder(t)
  const [first, second] = await makeTwo(folder)
  const file = join(folder, 'shown.pem')
  await copyFile(join(folder, 'first.crt'), file)
  const relay = await startFor(t, { LETHE_PROXY_CERT_FILE: file })
  t.equal(await shownEnd(relay), endOf(first))
  await writeFile(file, 'half of a cert')
  await sleep(6_000)
  t.equal(await shownEnd(relay), endOf(first))
  await copyFile(join(folder, 'second.crt'), file)
  await eventually(async () => (await shownEnd(relay)) === endOf(second), RELOAD)
  t.equal(await shownEnd(await startFor(t, {})), 0, 'without one there is no end')
})

test('[D.5] a relay does not start where LETHE_PROXY_CERT_FILE holds no certificate', async (t) => {
  const file = join(await makeFolder(t), 'shown.pem')
  await writeFile(file, 'none')
  await t.rejects(startRelay({ LETHE_PROXY_CERT_FILE: file }), /LETHE_PROXY_CERT_FILE: it holds no certificate in PEM/)
})

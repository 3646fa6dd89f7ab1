import { randomBytes } from 'node:crypto'
import { parseAddress, prefixOf } from '../../src/admission/client-prefix.ts'
import { LimitedAdmission, type LimitedAdmissionOptions } from '../../src/admission/limited-admission.ts'
import { type Allowance, OPEN_ADMISSION, UNLIMITED } from '../../src/mailbox/admission.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { test } from '../_util/tap.ts'

const OWN_RATE = 1_000
const PREFIX_RATE = 4_000
/** Of a connection, and of a prefix. */
const [OWN, PREFIX] = [10 * OWN_RATE, 10 * PREFIX_RATE]

function createBench(options: Partial<LimitedAdmissionOptions> = {}) {
  const clock = createManualClock(1_800_000_000_000)
  const limited: string[] = []
  const admission = new LimitedAdmission({
    connectionBytesPerSecond: OWN_RATE,
    prefixBytesPerSecond: PREFIX_RATE,
    exempt: [],
    proxies: [],
    clock,
    random: { bytes: (length) => randomBytes(length) },
    onLimited: (by) => limited.push(by),
    ...options,
  })
  const from = (remoteAddress: string | undefined, forwardedFor?: string) =>
    admission.allowanceOf({ remoteAddress }, forwardedFor)
  return { clock, limited, admission, from }
}

/** Asks until it is refused. @returns how many bytes were admitted */
function exhaust(allowance: Allowance): number {
  let admitted = 0
  while (admitted < 10 * PREFIX && allowance.ask(1_000) === 'admitted') admitted += 1_000
  return admitted
}

test('prefixes: /24 of IPv4, /56 of IPv6, in whatever form an address comes', async (t) => {
  const hex = (text: string) => Buffer.from(prefixOf(parseAddress(text) as string)).toString('hex')
  t.equal(hex('192.0.2.7'), 'c00002')
  t.equal(hex('::ffff:192.0.2.7'), 'c00002')
  t.equal(hex('2001:db8:1:2345:6789::1'), '20010db8000123')
  t.equal(hex('2001:DB8:0001:23ff::'), '20010db8000123')
  t.equal(hex('2001:db8:1:23ff:1:2:3:4'), '20010db8000123')
  t.equal(hex('::1'), '00000000000000')
  t.equal(hex('1::'), '00010000000000')
  t.equal(hex('64:ff9b::192.0.2.7'), '0064ff9b000000')
  t.equal(hex('fe80::1%eth0'), 'fe800000000000')
  for (const text of ['', 'unknown', '_hidden', '1.2.3', '1.2.3.4.5', '[::1]', '1.2.3.4:80', ':::', 'relay.example']) {
    t.equal(parseAddress(text), undefined, text)
  }
})

test('a connection is limited by itself, its prefix by all of its connections', async (t) => {
  const { from, limited, clock } = createBench()
  const one = from('192.0.2.1')
  t.equal(exhaust(one), OWN)
  t.equal(limited.at(-1), 'connection')
  const others = Array.from({ length: 6 }, (_, i) => from(`192.0.2.${i + 2}`))
  const admitted = others.map(exhaust)
  t.ok(admitted.reduce((sum, bytes) => sum + bytes, OWN) <= PREFIX + OWN, 'together no more than the prefix has')
  t.equal(limited.at(-1), 'prefix')
  t.equal(from('192.0.2.250').ask(1), 'limited', 'a new connection from there too')
  t.equal(from('192.0.3.1').ask(1), 'admitted', 'the next prefix is not limited')
  clock.advance(10_000)
  t.equal(one.ask(1), 'admitted', 'after Retry-After it goes on')
})

test('what goes out is charged, may leave a debt, and the debt says how long', async (t) => {
  const { from, clock } = createBench()
  const reader = from('192.0.2.1')
  t.equal(reader.debtMs(), 0)
  reader.charge(OWN + 2 * OWN_RATE)
  t.equal(reader.debtMs(), 2_000)
  t.equal(reader.ask(1), 'limited', 'and nothing is admitted meanwhile')
  clock.advance(1_000)
  t.ok(reader.debtMs() > 0)
  clock.advance(1_100)
  t.equal(reader.debtMs(), 0)
  t.equal(reader.ask(1), 'admitted')
})

test('who goes on asking is told to go', async (t) => {
  const { from, admission, limited } = createBench()
  const flooder = from('192.0.2.1')
  exhaust(flooder)
  const verdicts = Array.from({ length: 6 }, () => flooder.ask(1_000))
  t.same(verdicts.slice(0, 3), ['limited', 'limited', 'limited'])
  t.equal(verdicts.at(-1), 'ended', 'once it owes as much as can be owed')
  t.ok(admission.connect({ remoteAddress: '192.0.2.9' }, 1), 'its prefix may still connect')
  for (const host of [10, 11, 12, 13, 14, 15]) for (let i = 0; i < 16; i++) from(`192.0.2.${host}`).ask(1_000)
  t.notOk(admission.connect({ remoteAddress: '192.0.2.9' }, 1), 'until the prefix owes as much')
  t.equal(limited.at(-1), 'prefix')
  t.ok(admission.connect({ remoteAddress: '192.0.9.9' }, 1), 'others may')
})

test('exempt prefixes are not limited', async (t) => {
  const { from, admission } = createBench({ exempt: ['127.0.0.0/8', '2001:db8::/32'] })
  t.equal(from('127.9.9.9'), UNLIMITED)
  t.equal(from('::ffff:127.0.0.1'), UNLIMITED)
  t.equal(from('2001:db8:ffff::1'), UNLIMITED)
  t.not(from('2001:db9::1'), UNLIMITED)
  t.not(from('::1'), UNLIMITED)
  t.ok(admission.connect({ remoteAddress: '127.0.0.1' }, 1e12))
})

test('a forwarded address counts only from proxies that may say so', async (t) => {
  const { from } = createBench({ proxies: ['10.0.0.0/8'], exempt: ['203.0.113.0/24'] })
  exhaust(from('10.1.1.1', '192.0.2.1'))
  for (let i = 0; i < 8; i++) exhaust(from('10.1.1.1', '192.0.2.1'))
  t.equal(from('10.1.1.1', '192.0.2.77').ask(1), 'limited', 'the prefix that the proxy named')
  t.equal(from('10.1.1.1', '198.51.100.1').ask(1), 'admitted', 'not the proxy')
  t.equal(from('10.1.1.1', '198.51.100.1, 192.0.2.1').ask(1), 'limited', 'the last one counts')
  t.equal(from('10.1.1.1', '192.0.2.1, 10.2.2.2').ask(1), 'limited', 'behind other proxies that may say so')
  t.equal(from('10.1.1.1', '192.0.2.1, 198.51.100.1').ask(1), 'admitted', 'what a client puts before it does not')
  t.equal(from('10.1.1.1', '203.0.113.5'), UNLIMITED, 'who is exempt is exempt behind a proxy too')
  t.equal(from('198.51.100.9', '203.0.113.5').ask(1), 'admitted')
  t.not(from('198.51.100.9', '203.0.113.5'), UNLIMITED, 'the word of anybody else is not heard')
  for (const header of ['', 'unknown', '192.0.2.1, nonsense', Array(40).fill('203.0.113.5').join()]) {
    t.not(from('10.1.1.1', header), UNLIMITED, `${header.slice(0, 30)}: charged to the proxy`)
  }
})

test('a proxy’s connection is many clients’', async (t) => {
  const { admission } = createBench({ proxies: ['10.0.0.1/32'] })
  const proxy = { remoteAddress: '10.0.0.1' }
  for (let client = 0; client < 20; client++) {
    t.equal(exhaust(admission.allowanceOf(proxy, `192.0.${client}.1`)), OWN, `client ${client}`)
  }
})

test('after a change of the salt a connection is charged to its prefix again', async (t) => {
  const { from, clock } = createBench()
  const [one, other] = [from('192.0.2.1'), from('192.0.2.2')]
  clock.advance(300_000)
  for (let i = 0; i < 10; i++) {
    one.charge(PREFIX)
    other.charge(PREFIX)
  }
  t.equal(from('192.0.2.3').ask(1), 'limited', 'what old connections use, new ones from there have less')
})

test('Node keeps no address of a connection whose address was looked at', async (t) => {
  const { admission } = createBench()
  const peer = { remoteAddress: '192.0.2.1', _peername: { address: '192.0.2.1' } }
  admission.connect(peer, 1)
  t.equal(peer._peername, undefined)
})

test('LETHE_ADMISSION=open looks at nobody', async (t) => {
  const peer = {
    get remoteAddress(): string {
      throw new Error('looked at')
    },
  }
  t.ok(OPEN_ADMISSION.connect(peer, 1))
  const allowance = OPEN_ADMISSION.allowanceOf(peer, '192.0.2.1')
  for (let i = 0; i < 100; i++) t.equal(allowance.ask(1e12), 'admitted')
  t.equal(allowance.debtMs(), 0)
})

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Test, test } from '../_util/tap.ts'
import { CLOSE, PROBLEMS, type ProblemCode } from '../conformance/problems.ts'
import type { Provoked } from './broken-requests.ts'
import type { Refusals } from './broken-sockets.ts'
import { KIND_NAMES } from './canaries.ts'
import { formatAllowances, formatFindings } from './findings-text.ts'
import { breakRelay, drainRelay, exceedLimits, loseRedis, refuseSettings, troubleRedis } from './outages.ts'
import type { Person } from './people.ts'
import { Scanner } from './scanner.ts'
import { type Cast, castOf, misbehave, receiveAll, sendToAbsent, sendToPresent, standBy, sweep } from './scenario.ts'
import { rowOf, SURFACE_NAMES } from './surfaces.ts'
import { Town } from './town.ts'

const SOURCES = fileURLToPath(new URL('../../../src', import.meta.url))

/** Errors and close codes that no relay of this version brings about; their features are to come. */
const NOT_YET: readonly ProblemCode[] = ['ERR_TOKEN_REQUIRED', 'ERR_TOKEN_INVALID']

/** The kernel knows a connection by the peer's address, in hex and backwards. */
function isSeenByKernel({ peer }: Person): boolean {
  const hex = Buffer.from(peer.split('.').map(Number)).reverse().toString('hex').toUpperCase()
  return readFileSync('/proc/net/tcp', 'latin1').includes(`${hex}:`)
}

/** Whether a relay's source names an error outside the registry. */
function isRaised(code: ProblemCode): boolean {
  const rooms = ['http', 'ws', 'mailbox', 'store']
  const files = rooms.flatMap((room) =>
    readdirSync(`${SOURCES}/${room}`, { recursive: true, encoding: 'utf8' }).map(
      (name) => `${SOURCES}/${room}/${name}`,
    ),
  )
  return files.filter((name) => name.endsWith('.ts')).some((name) => readFileSync(name, 'utf8').includes(`'${code}'`))
}

async function liveADay(t: Test, cast: Cast, provoked: Provoked, refusals: Refusals): Promise<void> {
  const { town, first, second, embedded, bystander } = cast
  const opened = await standBy(cast)
  t.ok(isSeenByKernel(bystander), 'relays are reached from the addresses that are looked for')
  const reader = await sendToPresent(cast)
  const waiting = await sendToAbsent(cast)
  const keys = await town.collect([first, second, embedded], 'while envelopes wait')
  t.ok(keys.length >= waiting.count / 4, `${keys.length} buckets hold ${waiting.count} envelopes`)
  await misbehave(cast, provoked, refusals)
  await troubleRedis(cast, provoked)
  await town.collect([first, second, embedded], 'after every error')
  t.equal((await receiveAll(cast, waiting)).length, waiting.count, 'everything that waited is delivered')
  await sweep(cast)
  t.same(await town.collect([first, second], 'when all is acknowledged'), [], 'and no key is left')
  await loseRedis(cast, [reader, ...opened], provoked, refusals)
  await town.collect([first, second], 'after Redis came back')
}

/** Every end that a relay can come to. */
async function endRelays(t: Test, cast: Cast, provoked: Provoked, refusals: Refusals): Promise<void> {
  const { second, embedded, first } = cast
  const refused = refuseSettings(cast)
  t.equal(await exceedLimits(cast, provoked, refusals), 0, 'a relay that refuses who asks too much')
  t.equal(await breakRelay(cast, provoked), 70, 'an error nobody foresaw ends a relay')
  second.signal('SIGSEGV')
  t.equal(await second.ended(), 'SIGSEGV', 'a crash')
  embedded.signal('SIGABRT')
  t.equal(await embedded.ended(), 'SIGABRT', 'another crash')
  t.equal(await drainRelay(cast, first, provoked, refusals), 0, 'a relay that is told to stop')
  await refused
}

function checkProvoked(t: Test, provoked: Provoked, { errors, closes }: Refusals): void {
  const codes = Object.keys(PROBLEMS) as ProblemCode[]
  const byNumber = codes.filter((code) => errors.has(PROBLEMS[code][0]))
  const missing = codes.filter((code) => !provoked.has(code) && !byNumber.includes(code))
  t.same(missing, NOT_YET, 'every error of the registry was brought about')
  t.same(NOT_YET.filter(isRaised), [], 'but for those that no code raises')
  t.same(
    Object.values(CLOSE).filter((code) => !closes.has(code)),
    [],
    'every close code too',
  )
}

test('nothing that was sent, and nothing made of it, is where it must not be', async (t) => {
  const town = await Town.found()
  t.teardown(() => town.leave())
  const cast = await castOf(town)
  const provoked: Provoked = new Set()
  const refusals: Refusals = { errors: new Set(), closes: new Set() }
  await liveADay(t, cast, provoked, refusals)
  await endRelays(t, cast, provoked, refusals)
  checkProvoked(t, provoked, refusals)
  await town.collectRest()

  const findings = town.evidence.search(new Scanner(town.book.all()))
  t.comment(`${town.book.all().length} canaries: how often each kind is on each surface, in brackets where it may be`)
  for (const line of formatFindings(findings)) t.comment(line)
  t.comment('In brackets:')
  for (const line of formatAllowances()) t.comment(line)
  for (const surface of SURFACE_NAMES) {
    t.ok(town.evidence.bytesOf(surface) > 0, `${surface}: there is something to search`)
    const leaks = KIND_NAMES.flatMap((kind) => findings.get(surface, kind).leaks)
    t.same(leaks.slice(0, 20), [], `${surface}: ${leaks.length} that must not be there`)
    for (const kind of KIND_NAMES.filter((name) => name in rowOf(surface).may)) {
      t.ok(findings.get(surface, kind).hits > 0, `${surface}: what may be there is, and is found: ${kind}`)
    }
  }
})

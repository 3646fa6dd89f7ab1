import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Test, test } from '../_util/tap.ts'
import { CLOSE, PROBLEMS, type ProblemCode } from '../conformance/problems.ts'
import type { Provoked } from './broken-requests.ts'
import type { Refusals } from './broken-sockets.ts'
import { KIND_NAMES } from './canaries.ts'
import { formatTable, hitsText } from './findings-text.ts'
import { breakRelay, drainRelay, loseRedis, refuseSettings, troubleRedis } from './outages.ts'
import type { Person } from './people.ts'
import { Scanner } from './scanner.ts'
import { type Cast, castOf, misbehave, receiveAll, sendToAbsent, sendToPresent, standBy } from './scenario.ts'
import { cells, rowOf, SURFACE_NAMES } from './surfaces.ts'
import { Town } from './town.ts'

const SOURCES = fileURLToPath(new URL('../../../src', import.meta.url))

/** Errors and close codes that no relay of this version brings about; their features are to come. */
const NOT_YET: readonly ProblemCode[] = ['ERR_RATE_LIMITED', 'ERR_TOKEN_REQUIRED', 'ERR_TOKEN_INVALID']

/** The kernel knows a connection by the peer's address, in hex and backwards. */
function isSeenByKernel({ peer }: Person): boolean {
  const hex = Buffer.from(peer.split('.').map(Number)).reverse().toString('hex').toUpperCase()
  return readFileSync('/proc/net/tcp', 'latin1').includes(`${hex}:`)
}

/** Whether a relay's source names an error outside the registry. */
function isRaised(code: ProblemCode): boolean {
  const rooms = ['http', 'ws', 'mailbox', 'store']
  const files = rooms.flatMap((room) =>
    readdirSync(`${SOURCES}/${room}`, { recursive: true, encoding: 'utf8' }).map((name) => `${SOURCES}/${room}/${name}`),
  )
  return files.filter((name) => name.endsWith('.ts')).some((name) => readFileSync(name, 'utf8').includes(`'${code}'`))
}

async function liveADay(t: Test, cast: Cast, provoked: Provoked, refusals: Refusals): Promise<void> {
  const { town, first, second, embedded, ada, bystander } = cast
  const opened = await standBy(cast)
  t.ok(isSeenByKernel(bystander), 'relays are reached from the addresses that are looked for')
  const reader = await sendToPresent(cast)
  const waiting = await sendToAbsent(cast)
  const keys = await town.collect([first, second, embedded], 'while envelopes wait')
  t.ok(keys.length >= waiting.count / 4, `${keys.length} buckets hold ${waiting.count} envelopes`)
  await misbehave(cast, provoked, refusals)
  await troubleRedis(cast, provoked)
  await town.collect([first, second, embedded], 'after every error')
  const received = await receiveAll(cast, waiting)
  t.equal(received.length, waiting.count, 'everything that waited is delivered')
  await town.emptyBrokenMailboxes()
  t.same(await town.collect([first, second], 'when all is acknowledged'), [], 'and no key is left')
  await loseRedis(cast, [reader, ...opened], provoked, refusals)
  await town.collect([first, second], 'after Redis came back')
  t.ok(ada.name)
}

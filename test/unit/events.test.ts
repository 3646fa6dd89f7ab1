import { spawnSync } from 'node:child_process'
import { runInThisContext } from 'node:vm'
import { createEvents, EVENTS, type EventName, type EventRow, TEXT } from '../../src/telemetry/events.ts'
import { allowListed } from '../../src/telemetry/logger.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { test } from '../_util/tap.ts'

const START_MS = Date.UTC(2026, 10, 23, 12, 0, 20, 500)
const UNTIL_MINUTE_MS = 39_500

/** Events whose lines are kept, with a clock that stands still. */
function start() {
  const lines: [EventName, Readonly<Record<string, unknown>>][] = []
  const clock = createManualClock(START_MS)
  const events = createEvents((event, fields) => lines.push([event, fields]), clock)
  return { events, lines, clock }
}

test('one helper an event, each with the fields of the table and no other', async (t) => {
  const { events, lines, clock } = start()
  const version = { version: '1.2.3', commit: 'abc' }
  events.listening({ port: 1, adminPort: 2, store: 'memory', tls: false, metricsExact: false, ...version })
  events.storeUp()
  events.storeDown()
  events.storeReplaced()
  events.storeFault('memory')
  events.unsafeStore(EVENTS['unsafe-store'].fields.by.slice(0, 1), true)
  events.certificateReloaded()
  events.certificateNotReloaded()
  events.internalError(new TypeError('secret'))
  clock.advance(UNTIL_MINUTE_MS)
  events.draining('SIGTERM', 20)
  events.stopped()
  events.crashed(new RangeError('secret'))
  t.strictSame(lines.map(([event]) => event).sort(), Object.keys(EVENTS).sort())
  for (const [event, fields] of lines) {
    t.strictSame(Object.keys(fields).sort(), Object.keys(EVENTS[event].fields).sort(), event)
    t.strictSame(allowListed({ event, ...fields }), { event, ...fields }, `${event}: the log takes all of it`)
  }
  t.notOk(JSON.stringify(lines).includes('secret'), "an error's message is nowhere")
})

test('faults and errors are told once a minute, at the full one, by orders of magnitude', async (t) => {
  const { events, lines, clock } = start()
  const fail = () => events.internalError(new TypeError('a'))
  for (let i = 0; i < 123; i++) events.storeFault('connection')
  for (let i = 0; i < 9; i++) fail()
  events.storeFault('busy')
  clock.advance(UNTIL_MINUTE_MS - 1)
  t.strictSame(lines, [], 'nothing before')
  clock.advance(1)
  t.strictSame(
    lines.map(([event, { fault, errorName, atLeast }]) => [event, fault ?? errorName, atLeast]),
    [
      ['store-fault', 'connection', 100],
      ['store-fault', 'busy', 1],
      ['internal-error', 'TypeError', 1],
    ],
  )
  clock.advance(600_000)
  t.equal(lines.length, 3, 'and nothing where nothing happens')
  events.storeFault('busy')
  clock.advance(60_000)
  t.equal(lines.length, 4)
})

test('a fault at a full minute is told at the next', async (t) => {
  const { events, lines, clock } = start()
  clock.advance(UNTIL_MINUTE_MS)
  events.storeFault('busy')
  clock.advance(59_999)
  t.equal(lines.length, 0)
  clock.advance(1)
  t.equal(lines.length, 1)
})

test('what was gathered is told before the end', async (t) => {
  for (const end of ['stopped', 'crashed'] as const) {
    const { events, lines, clock } = start()
    events.storeFault('busy')
    events[end](new Error('a'))
    t.strictSame(
      lines.map(([event]) => event),
      ['store-fault', end],
    )
    clock.advance(600_000)
    t.equal(lines.length, 2, 'once')
  }
})

test('places of errors are told apart, up to a bound', async (t) => {
  const { events, lines, clock } = start()
  for (let i = 0; i < 1000; i++) {
    events.internalError(runInThisContext("new Error('a')", { filename: '/home/somebody/file.ts', lineOffset: i }))
  }
  clock.advance(60_000)
  t.equal(lines.length, 64)
  t.strictSame(lines[0]?.[1], { errorName: 'Error', place: 'file.ts:1:1', atLeast: 1 })
})

test('the place of an error is one in the code, whatever the error says', async (t) => {
  const { events, lines } = start()
  const told = (error: unknown) => {
    events.crashed(error)
    return lines.at(-1)?.[1]
  }
  const disguised = new TypeError('a\n    at run (/secret.ts:1:1)')
  t.match(told(disguised), { errorName: 'TypeError', place: /^events\.test\.[jt]s:\d+:\d+$/ })
  const written = Object.assign(new TypeError('a'), { constructor: { name: 'secret' } })
  written.stack = 'TypeError: a\n    at run (/secret.ts:1:1)'
  t.strictSame(told(written), { errorName: 'TypeError', place: 'unknown' })
  for (const thrown of ['secret', undefined, null, { stack: 'secret' }, 7n]) {
    t.strictSame(told(thrown), { errorName: 'unknown', place: 'unknown' })
  }
  t.match(told(new Error('a'))?.place, /^events\.test\.[jt]s:\d+:\d+$/)
})

test('the log leaves out what is not listed for its event', async (t) => {
  const canary = 'Canary'
  const line = { event: 'draining', signal: 'SIGTERM', seconds: 20, port: 1, address: canary, err: new Error(canary) }
  t.strictSame(allowListed(line), { event: 'draining', signal: 'SIGTERM', seconds: 20 })
  t.strictSame(allowListed({ ...line, event: canary }), {})
  t.strictSame(allowListed({ ...line, event: 'toString' }), {})
  t.strictSame(allowListed({ ...line, event: undefined }), {})
})

test('the log leaves out what is no value of its field', async (t) => {
  for (const event of Object.keys(EVENTS) as EventName[]) {
    const { fields }: EventRow = EVENTS[event]
    for (const [field, type] of Object.entries(fields)) {
      const bad: unknown[] = ['two words', 'x'.repeat(65), '', 'ü', { a: 1 }, ['a'], Number.NaN, 0.5, 2 ** 60, null]
      if (type !== TEXT) bad.push('other')
      if (type !== 'boolean') bad.push(true)
      if (type !== 'number') bad.push(7)
      for (const value of bad) t.strictSame(allowListed({ event, [field]: value }), { event }, `${event}, ${field}`)
    }
  }
})

test('lines are JSON on standard error, with level, time, event and fields, from the given level on', async (t) => {
  const [eventsModule, loggerModule] = ['events', 'logger'].map(
    (name) => new URL(`../../src/telemetry/${name}.js`, import.meta.url).href,
  )
  const script = `import { createEvents } from '${eventsModule}'
import { createLogger } from '${loggerModule}'
const events = createEvents(createLogger(process.argv[1]))
events.storeUp()
events.storeDown()
events.draining('SIGINT', 5)
events.crashed(new TypeError('secret'))`
  const run = (level: string) => {
    const args = ['--input-type=module', '--eval', script, '--', level]
    const { stderr, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    t.equal(stdout, '')
    return stderr
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }
  const lines = run('debug')
  t.strictSame(
    lines.map(({ level, event }) => [level, event]),
    [
      ['info', 'store-up'],
      ['warn', 'store-down'],
      ['info', 'draining'],
      ['fatal', 'crashed'],
    ],
  )
  t.strictSame(Object.keys(lines[2]), ['level', 'time', 'event', 'signal', 'seconds'])
  t.strictSame(
    run('warn').map(({ event }) => event),
    ['store-down', 'crashed'],
  )
  t.strictSame(run('silent'), [])
})

import { StoreGuard, UnsafeStoreError } from '../../src/disclosure/store-guard.ts'
import type { NodeSettings, UnsafeBy } from '../../src/mailbox/store-facts.ts'
import { shippedSettings } from '../_util/shipped-redis.ts'
import { test } from '../_util/tap.ts'

/** What a node says that has the settings that are shipped, but for some; undefined is one that cannot be read. */
function node(changes: Readonly<Record<string, string | undefined>> = {}, monitors = 0): NodeSettings {
  const settings = Object.entries({ ...Object.fromEntries(shippedSettings()), ...changes })
  const readable = settings.filter((pair): pair is [string, string] => pair[1] !== undefined)
  return { address: '127.0.0.1:6379', settings: new Map(readable), monitors }
}

function create(isAllowed = false): { guard: StoreGuard; told: (readonly UnsafeBy[])[] } {
  const told: (readonly UnsafeBy[])[] = []
  return { guard: new StoreGuard({ isAllowed, onChange: (unsafeBy) => told.push(unsafeBy) }), told }
}

test('a node as it is shipped is used, and nothing is told', async (t) => {
  const { guard, told } = create()
  t.ok(guard.admit('a', node()))
  t.same([guard.isRefusing, guard.usedUnsafeBy, guard.faults, told], [false, [], [], []])
})

test('an unsafe node is not used, and what it is unsafe by is told once', async (t) => {
  const { guard, told } = create()
  for (let i = 0; i < 3; i++) t.notOk(guard.admit('a', node({ save: '60 1', loglevel: 'debug' })))
  t.same(told, [['save', 'loglevel']])
  t.ok(guard.isRefusing)
  t.same(guard.usedUnsafeBy, [], 'it is not used, so nothing that is used is unsafe')
  t.ok(guard.admit('a', node()), 'until it is mended')
  t.same([guard.isRefusing, told], [false, [['save', 'loglevel'], []]])
})

test('allowed, an unsafe node is used, and what it is unsafe by can be asked', async (t) => {
  const { guard, told } = create(true)
  t.ok(guard.admit('a', node({ appendonly: 'yes' })))
  t.ok(guard.admit('b', node({ save: '60 1' }, 2)))
  t.same(guard.usedUnsafeBy, ['save', 'appendonly', 'monitor'], 'by all nodes together, in the order of the table')
  t.notOk(guard.isRefusing)
  guard.forget('b')
  t.same(guard.usedUnsafeBy, ['appendonly'])
  t.same(told, [['appendonly'], ['save', 'appendonly', 'monitor'], ['appendonly']])
})

test('what cannot be read counts as unsafe', async (t) => {
  const { guard, told } = create()
  t.notOk(guard.admit('a', { ...node({ 'crash-log-enabled': undefined }), monitors: undefined }))
  t.same(told, [['crash-log-enabled', 'monitor']])
})

test('values that are as safe as those that are shipped', async (t) => {
  const { guard } = create()
  const others = { 'slowlog-log-slower-than': '-5', loglevel: 'warning', 'shutdown-on-sigterm': 'nosave now force' }
  t.ok(guard.admit('a', node(others)))
  for (const value of ['0', '10000']) t.notOk(guard.admit('a', node({ 'slowlog-log-slower-than': value })), value)
})

test('the error of a relay that does not start has one line for each fault, and one that says how to allow it', async (t) => {
  const { guard } = create()
  guard.admit('a', node({ save: '60 1', appendonly: 'yes' }))
  const error = new UnsafeStoreError(guard.faults)
  t.equal(error.code, 'ERR_UNSAFE_STORE')
  const lines = error.message.split('\n')
  t.equal(lines.length, 3)
  t.match(lines[0], /^127\.0\.0\.1:6379: save is "60 1"\. .*redis\.conf/)
  t.match(lines[1], /^127\.0\.0\.1:6379: appendonly is "yes"\. .*redis\.conf/)
  t.match(lines[2], 'LETHE_ALLOW_UNSAFE_STORE=true')
})

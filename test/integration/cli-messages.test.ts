import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createHttpDepositor,
  createHttpReceiver,
  createMailbox,
  exportMailbox,
  loadMailbox,
  receive,
} from '../../src/client/index.ts'
import { findFreePort } from '../_util/ports.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createShell, makeMailbox } from './cli-setup.ts'
import { envelopeOf, range, receiving, startTestRelay, take } from './client-setup.ts'

test('what is sent is received: from standard input, from a file, text, bytes, nothing', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const send = (args: string[], input: string | Uint8Array = '') =>
    shell.lethe(['send', address, '--relay', url, ...args], { input })
  await writeFile(join(shell.home, 'note.txt'), 'from a file')
  for (const sent of [
    await send([], 'hello'),
    await send(['note.txt']),
    await send(['--ttl', '600'], 'two\nlines'),
    await send([], Uint8Array.of(0xff, 0, 1)),
    await send([]),
    await send([], 'x'.repeat(63_999)),
  ]) {
    t.match(sent, { code: 0, stdout: '', stderr: '' })
  }
  const { code, stdout, stderr } = await shell.lethe(['receive', '--relay', url])
  t.same([code, stderr], [0, ''])
  const twoLines = `base64url:${Buffer.from('two\nlines').toString('base64url')}`
  t.same(
    new Set(stdout.split('\n')),
    new Set(['hello', 'from a file', twoLines, 'base64url:_wAB', '', 'x'.repeat(63_999)]),
    'across sizes and lifetimes no order is promised',
  )
  t.match(await shell.lethe(['receive', '--relay', url]), { code: 0, stdout: '', stderr: '' })
})

test('--lines sends line by line, and receive gives the lines back in order', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const lines = range(1, 300).map((n) => `line ${n}`)
  const sent = await shell.lethe(['send', '--lines', '--relay', url, address], { input: lines.join('\n') })
  t.match(sent, { code: 0, stdout: '', stderr: '' })
  const { stdout } = await shell.lethe(['receive', '--relay', url])
  t.same(stdout, `${lines.join('\n')}\n`)
})

test('--raw writes the bytes and nothing else', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const message = randomBytes(60_000)
  await shell.lethe(['send', address, '--relay', url], { input: message })
  await shell.lethe(['send', address, '--relay', url], { input: Uint8Array.of(0x80, 0, 0) })
  const { bytes } = await shell.lethe(['receive', '--relay', url, '--raw'])
  t.equal(bytes.length, 60_003)
  t.ok(bytes.includes(message), 'the large one')
  t.ok(bytes.includes(Buffer.of(0x80, 0, 0)), 'and the one that looks like padding')
})

test('an address that begins with a hyphen is an address', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  let mailbox = createMailbox()
  while (!mailbox.addressText.startsWith('-')) mailbox = createMailbox()
  await writeFile(join(shell.home, 'mine.json'), exportMailbox(mailbox), { mode: 0o600 })
  for (const args of [
    [mailbox.addressText, '--relay', url],
    ['--relay', url, mailbox.addressText],
    ['--relay', url, '--', mailbox.addressText],
  ]) {
    t.match(await shell.lethe(['send', ...args], { input: 'hi' }), { code: 0, stderr: '' }, args.join(' '))
  }
  t.match(await shell.lethe(['receive', '--relay', url, '--file', 'mine.json']), { stdout: 'hi\nhi\nhi\n' })
})

test('--follow writes what comes, until it is told to end', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const following = shell.start(['receive', '--follow', '--relay', url])
    await shell.lethe(['send', address, '--relay', url], { input: `first ${signal}` })
    await eventually(() => following.stdout() === `first ${signal}\n`)
    await shell.lethe(['send', address, '--relay', url], { input: 'second' })
    await eventually(() => following.stdout() === `first ${signal}\nsecond\n`)
    following.child.kill(signal)
    t.match(await following.finished, { code: 0, stderr: '' }, signal)
  }
  t.match(await shell.lethe(['receive', '--relay', url]), { stdout: '' }, 'all was acknowledged')
})

test('--follow outlives the relay', async (t) => {
  const port = String(await findFreePort())
  const first = await startTestRelay(t, { LETHE_PORT: port })
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const following = shell.start(['receive', '--follow', '--relay', first.url])
  await shell.lethe(['send', address, '--relay', first.url], { input: 'before' })
  await eventually(() => following.stdout() === 'before\n')
  await first.stop()
  const second = await startTestRelay(t, { LETHE_PORT: port })
  await shell.lethe(['send', address, '--relay', second.url], { input: 'after' })
  await eventually(() => following.stdout() === 'before\nafter\n', { timeoutMs: 20_000 })
  following.child.kill('SIGTERM')
  t.match(await following.finished, { code: 0, stderr: /^the connection was lost, trying again in \d+ s\n/ })
})

test('command line and SDK understand each other', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  await createHttpDepositor({ relay: url }).deposit({ address, envelope: envelopeOf(42) })
  t.match(await shell.lethe(['receive', '--relay', url]), { stdout: '42\n' })

  const mailbox = createMailbox()
  await shell.lethe(['send', mailbox.addressText, '--relay', url], { input: '43' })
  const envelopes = receive({ ...receiving(url), mailbox: loadMailbox(exportMailbox(mailbox)) })
  const [envelope] = await take(envelopes, 1)
  t.same(envelope?.envelope, envelopeOf(43))
  await envelopes.return?.()
  const http = createHttpReceiver({ relay: url, mailbox })
  t.equal((await http.fetchEnvelopes()).envelopes.length, 1)
})

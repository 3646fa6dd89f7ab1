import { once } from 'node:events'
import { createHttpDepositor, pad } from '../../src/client/index.ts'
import { findFreePort } from '../_util/ports.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createShell, makeMailbox } from './cli-setup.ts'
import { range, startTestRelay } from './client-setup.ts'

test('a receive that is to end by itself and is ended by a signal has failed', async (t) => {
  const { url } = await startTestRelay(t, { LETHE_WINDOW: '1' })
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const input = range(1, 500).join('\n')
  await shell.lethe(['send', '--lines', address, '--relay', url], { input })
  const receiving = shell.start(['receive', '--relay', url])
  await eventually(() => receiving.stdout() !== '')
  receiving.child.kill('SIGTERM')
  const { code, stdout, stderr } = await receiving.finished
  t.same([code, stderr], [1, 'ended by a signal; what was not written stays at the relay\n'])
  const rest = await shell.lethe(['receive', '--relay', url])
  t.equal(stdout + rest.stdout, `${input}\n`)
})

test('what standard output did not take stays at the relay', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const lines = range(1, 40).map((n) => `${n} ${'x'.repeat(60_000)}`)
  await shell.lethe(['send', '--lines', '--relay', url, address], { input: lines.join('\n') })
  const receiving = shell.start(['receive', '--relay', url])
  await once(receiving.child.stdout as NodeJS.ReadableStream, 'data')
  receiving.child.stdout?.destroy()
  const { code, stderr } = await receiving.finished
  t.equal(code, 1)
  t.equal(stderr, 'standard output was closed; what was not written stays at the relay\n')
  const rest = await shell.lethe(['receive', '--relay', url])
  const numbers = rest.stdout.split('\n').map((line) => Number(line.split(' ', 1)[0]))
  t.ok(numbers.length > 10, 'most of it is still there')
  t.equal(numbers.at(-2), 40)
})

test('an envelope that holds no padded message is dropped with a word, and does not come again', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const depositor = createHttpDepositor({ relay: url })
  await depositor.deposit({ address, envelope: new Uint8Array(4_000) })
  await depositor.deposit({ address, envelope: pad(new TextEncoder().encode('right'), [4_000]) })
  t.match(await shell.lethe(['receive', '--relay', url]), {
    code: 0,
    stdout: 'right\n',
    stderr: 'an envelope that holds no padded message was dropped\n',
  })
  t.match(await shell.lethe(['receive', '--relay', url]), { code: 0, stdout: '', stderr: '' })
})

test('a second receiver ends the first, which says so', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const following = shell.start(['receive', '--follow', '--relay', url])
  await shell.lethe(['send', address, '--relay', url], { input: 'one' })
  await eventually(() => following.stdout() === 'one\n')
  t.match(await shell.lethe(['receive', '--relay', url]), { code: 0 })
  t.match(await following.finished, { code: 1, stderr: /^Another receiver has opened this mailbox/ })
})

test('a relay that does not answer is exit code 69', async (t) => {
  const url = `http://127.0.0.1:${await findFreePort()}`
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  for (const args of [
    ['send', address, '--relay', url],
    ['receive', '--relay', url],
  ]) {
    const { code, stdout, stderr } = await shell.lethe(args, { input: 'x' })
    t.same([code, stdout], [69, ''], args.join(' '))
    t.match(stderr, /^The relay could not be reached.* \(ERR_NETWORK\)\n$/)
  }
})

test('a full mailbox is exit code 75, and --lines says which line', async (t) => {
  const { url } = await startTestRelay(t, { LETHE_BUCKET_BYTES: '64000', LETHE_ENVELOPE_BYTES: '4000,64000' })
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const lines = range(1, 30).join('\n')
  const { code, stderr } = await shell.lethe(['send', '--lines', address, '--relay', url], { input: lines })
  t.equal(code, 75)
  t.match(stderr, /^line 17 was not sent: .*\(ERR_MAILBOX_FULL\)\n$/)
  const one = await shell.lethe(['send', address, '--relay', url], { input: 'x' })
  t.match(one, { code: 75, stderr: /ERR_MAILBOX_FULL/ })
})

test('a message that is too long is told before anything is sent', async (t) => {
  const { url } = await startTestRelay(t)
  const shell = await createShell(t)
  const address = await makeMailbox(shell)
  const { code, stderr } = await shell.lethe(['send', address, '--relay', url], { input: 'x'.repeat(64_000) })
  t.same([code, stderr], [1, 'a message can have at most 63999 bytes on this relay\n'])
  const missing = await shell.lethe(['send', address, '--relay', url, 'nothing.txt'])
  t.match(missing, { code: 1, stderr: 'nothing.txt cannot be read: it does not exist\n' })
})

test('a relay that goes by another name is told apart from a wrong key', async (t) => {
  const { url } = await startTestRelay(t, { LETHE_PUBLIC_ORIGIN: 'https://relay.example' })
  const shell = await createShell(t)
  await makeMailbox(shell)
  t.match(await shell.lethe(['receive', '--relay', url]), {
    code: 1,
    stderr: 'the relay goes by https://relay.example: give it as one of these with --relay (ERR_SIGNATURE)\n',
  })
})

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findFreePort } from '../_util/ports.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createShell } from '../integration/cli-setup.ts'
import { makeCertificate } from '../integration/tls-setup.ts'
import { relayFor } from './setup.ts'

const DOCS = fileURLToPath(new URL('../../../docs/load.md', import.meta.url))
const DEFAULT_RELAY = 'http://localhost:8080'

test('every command of docs/load.md does what it says', async (t) => {
  const relay = await relayFor(t)
  const shell = await createShell(t)
  const page = await readFile(DOCS, 'utf8')
  const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.trim().split('\n'))
  t.ok(commands.length >= 6)
  for (const command of commands) {
    const [name, ...args] = command.replaceAll(DEFAULT_RELAY, relay.url).split(' ')
    t.equal(name, 'lethe')
    const { code, stdout, stderr } = await shell.lethe(args)
    // How fast a machine is that does other things as well is not for this test; that nothing goes wrong is.
    const missed = [...stdout.matchAll(/^MISSED {2}(\S+)/gm)].map(([, threshold]) => threshold as string)
    t.same(
      missed.filter((threshold) => !/p\d|rate|unsure|refused/.test(threshold)),
      [],
      command,
    )
    t.equal(code, missed.length > 0 ? 1 : 0, `${command}\n${stderr}`)
    t.match(stdout, /^delivered +\d/m)
  }
  const report = JSON.parse(await readFile(join(shell.home, 'report.json'), 'utf8'))
  t.match(report, { format: 'lethe load report', version: 1, account: { lost: 0, corrupted: 0 } })
  t.equal(report.plan.durationSeconds, 6, 'options go before the profile')
  t.equal(report.plan.recipients, 200, 'and the profile before the defaults')
  t.ok(report.moments.length >= 4)
  t.match(await readFile(join(shell.home, 'report.html'), 'utf8'), /<svg [\s\S]*delivered/)
})

test('what cannot be is said in a line, and exits with 64', async (t) => {
  const relay = await relayFor(t)
  const { lethe } = await createShell(t)
  const wrong: [string[], RegExp][] = [
    [[], /it needs URL\.\.\./],
    [[relay.url, '--fly'], /unknown option --fly/],
    [[relay.url, '--rate', 'fast'], /--rate takes a number/],
    [[relay.url, '--rate', '0'], /--rate: it is a number from 0\.01 to/],
    [[relay.url, '--duration', '5 days'], /--duration takes a time like 30s/],
    [[relay.url, '--offline-share', 'half'], /--offline-share takes a share like 0\.3 or 30%/],
    [[relay.url, '--offline-share', '130%'], /--offline-share: it is a number from 0 to 1/],
    [[relay.url, '--transport', 'ohttp'], /--transport takes ws or http/],
    [[relay.url, '--size', '5000'], /--size: the relay takes envelopes of 4000, 64000 bytes/],
    [[relay.url, '--ttl', 'day'], /--ttl takes whole numbers/],
    [[relay.url, '--slo', 'p99=fast'], /--slo: p99 is compared with a time/],
    [[relay.url, '--profile', 'none'], /--profile: there is no profile none; there are: burst-after-outage/],
    [[relay.url, '--ca', 'none.pem'], /--ca none\.pem cannot be read: it does not exist/],
    [[relay.url, '--workers', '200'], /--workers: each worker needs a sender and a recipient/],
    [['ftp://relay'], /relay/],
    [[`${relay.url}/path`], /relay/],
  ]
  for (const [args, complaint] of wrong) {
    const { code, stdout, stderr } = await lethe(['load', ...args])
    t.match(stderr, complaint, args.join(' '))
    t.same([code, stdout, stderr.trimEnd().split('\n').length], [64, '', 1], args.join(' '))
  }
})

test('a relay that does not answer, or whose certificate is not trusted, is named as such', async (t) => {
  const shell = await createShell(t)
  const gone = await shell.lethe(['load', `http://127.0.0.1:${await findFreePort()}`])
  t.equal(gone.code, 69)
  await makeCertificate(shell.home, 'own')
  const [cert, key] = [join(shell.home, 'own.crt'), join(shell.home, 'own.key')]
  const relay = await relayFor(t, { LETHE_TLS_CERT_FILE: cert, LETHE_TLS_KEY_FILE: key })
  t.equal((await shell.lethe(['load', relay.url])).code, 69)
  const trusted = await shell.lethe(['load', relay.url, '--ca', cert, '--duration', '1s'])
  t.equal(trusted.code, 0, trusted.stderr)
  t.match(trusted.stdout, /^lost +0$/m)
})

test('Ctrl-C ends it early, with the whole report', async (t) => {
  const relay = await relayFor(t)
  const { start, home } = await createShell(t)
  const running = start(['load', relay.url, '--duration', '10m', '--json', 'report.json'])
  let progress = ''
  running.child.stderr?.on('data', (chunk) => {
    progress += chunk
  })
  await eventually(() => /sending: sent [1-9]\d+ /.test(progress))
  running.child.kill('SIGINT')
  const { code, stdout } = await running.finished
  t.equal(code, 0)
  t.match(stdout, /\(ended early\)/)
  const report = JSON.parse(await readFile(join(home, 'report.json'), 'utf8'))
  t.match(report, { isStopped: true, account: { lost: 0, outstanding: 0, unanswered: 0 } })
  t.equal(report.account.delivered, report.account.sent)
})

test("a profile of one's own; JSON alone on standard output", async (t) => {
  const relay = await relayFor(t)
  const { lethe, home } = await createShell(t)
  const profile = { about: 'Short.', rate: 100, durationSeconds: 1, recipients: 3, senders: 2, slo: 'unsure=0' }
  await writeFile(join(home, 'own.json'), JSON.stringify(profile))
  const { stdout, stderr } = await lethe(['load', relay.url, '--profile', './own.json', '--json', '-'])
  const report = JSON.parse(stdout)
  t.match(report.plan, { rate: 100, recipients: 3, senders: 2 })
  t.match(report.slo.at(-1), { threshold: 'unsure=0' })
  t.match(stderr, /^delivered +\d/m, 'the table goes where people look')
})

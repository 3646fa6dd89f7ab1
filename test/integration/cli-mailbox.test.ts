import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadMailbox } from '../../src/client/index.ts'
import { test } from '../_util/tap.ts'
import { createShell } from './cli-setup.ts'

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)

test('mailbox new writes a file for its owner only and prints the address, mailbox show prints it again', async (t) => {
  const { lethe, home } = await createShell(t)
  const made = await lethe(['mailbox', 'new'])
  t.match(made, { code: 0, stdout: /^[\w-]{43}\n$/, stderr: '' })
  const file = join(home, '.lethe', 'mailbox.json')
  t.equal(await modeOf(file), '600')
  t.equal(await modeOf(join(home, '.lethe')), '700')
  const text = await readFile(file, 'utf8')
  t.equal(loadMailbox(text).addressText, made.stdout.trim())
  t.match(await lethe(['mailbox', 'show']), { code: 0, stdout: made.stdout, stderr: '' })
  const json = await lethe(['mailbox', 'show', '--json'])
  t.same(JSON.parse(json.stdout), { address: made.stdout.trim(), file })
  t.notOk(json.stdout.includes(JSON.parse(text).secretKey), 'the key is not shown')
})

test('a mailbox that is there is not lost by accident', async (t) => {
  const { lethe, home } = await createShell(t)
  const first = await lethe(['mailbox', 'new', '--file', 'mine.json'])
  const again = await lethe(['mailbox', 'new', '--file', 'mine.json'])
  t.match(again, { code: 1, stdout: '', stderr: /not written to mine\.json: there is one already.*--force/ })
  t.match(await lethe(['mailbox', 'show', '--file', 'mine.json']), { stdout: first.stdout })
  await chmod(join(home, 'mine.json'), 0o644)
  const forced = await lethe(['mailbox', 'new', '--file', 'mine.json', '--force'])
  t.equal(forced.code, 0)
  t.not(forced.stdout, first.stdout)
  t.match(await lethe(['mailbox', 'show', '--file', 'mine.json']), { stdout: forced.stdout, stderr: '' })
  t.equal(await modeOf(join(home, 'mine.json')), '600')
})

test('a mailbox file that cannot be used is named with the reason, in one line and with exit code 78', async (t) => {
  const { lethe, home } = await createShell(t)
  t.match(await lethe(['mailbox', 'show']), {
    code: 78,
    stderr: /does not exist \(make one with: lethe mailbox new\)\n$/,
  })
  await writeFile(join(home, 'other.json'), '{"secretKey":"SECRET"}')
  const wrong = await lethe(['receive', '--file', 'other.json'])
  t.match(wrong, {
    code: 78,
    stdout: '',
    stderr: /^the mailbox file other\.json cannot be read: it is no mailbox file\n$/,
  })
  await mkdir(join(home, 'folder'))
  t.match(await lethe(['mailbox', 'show', '--file', 'folder']), { code: 78, stderr: /it is a folder/ })
  t.match(await lethe(['mailbox', 'new', '--file', 'folder', '--force']), { code: 1, stderr: /not written/ })
})

test('a mailbox file that others can read is used with a warning', async (t) => {
  const { lethe, home } = await createShell(t)
  await lethe(['mailbox', 'new', '--file', 'mine.json'])
  await chmod(join(home, 'mine.json'), 0o640)
  t.match(await lethe(['mailbox', 'show', '--file', 'mine.json']), {
    code: 0,
    stderr: /^warning: others can read mine\.json, which holds a private key; run: chmod 600 mine\.json\n$/,
  })
})

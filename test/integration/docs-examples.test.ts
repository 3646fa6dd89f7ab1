import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { EXIT_HELP } from '../../src/cli/exit-codes.ts'
import { CLIENT_ERRORS } from '../../src/client/errors.ts'
import { type Test, test } from '../_util/tap.ts'
import { startTestRelay } from './client-setup.ts'

const run = promisify(execFile)
const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const CLI = join(PROJECT, 'build/src/cli/main.js')
const DEFAULT_RELAY = 'http://localhost:8080'

interface Block {
  readonly language: string
  readonly text: string
}

async function readBlocks(file: string): Promise<{ text: string; blocks: Block[] }> {
  const text = await readFile(join(PROJECT, 'docs', file), 'utf8')
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', block = '']) => ({
    language,
    text: block,
  }))
  return { text, blocks }
}

async function createFolder(t: Test, parent: string): Promise<string> {
  const folder = await mkdtemp(join(parent, 'docs-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('docs/sdk.md: its blocks are a program that prints what the page says', async (t) => {
  const relay = await startTestRelay(t)
  const { blocks } = await readBlocks('sdk.md')
  t.same(new Set(blocks.map(({ language }) => language)), new Set(['js', 'text']))
  const of = (wanted: string) => blocks.filter(({ language }) => language === wanted).map(({ text }) => text)
  // Inside the package, where `lethe/client` is this one.
  const folder = await createFolder(t, join(PROJECT, 'build'))
  await writeFile(join(folder, 'sdk.mjs'), of('js').join('\n').replaceAll(DEFAULT_RELAY, relay.url))
  const { stdout, stderr } = await run(process.execPath, [join(folder, 'sdk.mjs')], {
    cwd: folder,
    env: { PATH: process.env.PATH },
  })
  t.equal(stderr, '')
  t.equal(stdout, of('text').join(''))
})

test('docs/sdk.md lists every code of the SDK', async (t) => {
  const { text } = await readBlocks('sdk.md')
  const listed = [...text.matchAll(/^\| `\w+` \| `(ERR_\w+)` \|/gm)].map(([, code]) => code)
  t.same(listed.sort(), Object.keys(CLIENT_ERRORS).sort())
})

test('docs/cli.md: its blocks are a session that prints what the page says', async (t) => {
  const relay = await startTestRelay(t)
  const { blocks } = await readBlocks('cli.md')
  t.same(new Set(blocks.map(({ language }) => language)), new Set(['sh', 'text']))
  const home = await createFolder(t, tmpdir())
  // What is said without --relay goes to the relay of this test, and not to whatever runs on the default port.
  const shim = `#!/bin/sh
case "$1 $*" in
  *--relay*) exec "${process.execPath}" "${CLI}" "$@" ;;
  send*|receive*) exec "${process.execPath}" "${CLI}" "$@" --relay "${relay.url}" ;;
  *) exec "${process.execPath}" "${CLI}" "$@" ;;
esac
`
  await writeFile(join(home, 'lethe'), shim)
  await chmod(join(home, 'lethe'), 0o700)
  const env = { PATH: `${home}:${process.env.PATH}`, HOME: home }
  for (const [i, { language, text }] of blocks.entries()) {
    if (language !== 'sh') continue
    const script = text.replaceAll(DEFAULT_RELAY, relay.url)
    const { stdout, stderr } = await run('sh', ['-e', '-c', script], { cwd: home, env })
    const next = blocks[i + 1]
    t.equal(stderr, '', text)
    t.equal(stdout, next?.language === 'text' ? next.text : '', text)
  }
})

test('docs/cli.md lists the exit codes as --help does', async (t) => {
  const { text } = await readBlocks('cli.md')
  const rows = [...text.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, meaning]) => `${code} ${meaning}`)
  const help = EXIT_HELP.trim().split('\n').slice(1)
  t.same(
    rows,
    help.map((line) => line.trim().replace(/ +/, ' ')),
  )
})

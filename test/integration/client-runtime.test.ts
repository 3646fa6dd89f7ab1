import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from '../_util/tap.ts'
import { startTestRelay } from './client-setup.ts'

const execute = promisify(execFile)
/** Runs a program without the options by which the test runner gets into every Node. */
const run = (file: string, args: readonly string[]) => execute('env', ['-u', 'NODE_OPTIONS', file, ...args])
const ENTRY = new URL('../../src/client/index.js', import.meta.url).href
const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))

/** All that the SDK finds around it, besides the language. */
const GLOBALS = [
  ...['AbortController', 'AbortSignal', 'TextDecoder', 'TextEncoder', 'URL', 'crypto', 'fetch', 'performance'],
  ...['clearInterval', 'clearTimeout', 'queueMicrotask', 'setInterval', 'setTimeout'],
  // Of the language, but one set for both sides of the fence.
  ...['ArrayBuffer', 'Error', 'Promise', 'Uint8Array'],
]

/** Loads the SDK where there is nothing but these globals, and goes to the relay and back, by HTTP and by socket. */
const SCRIPT = `
  import { readFile } from 'node:fs/promises'
  import { createRequire } from 'node:module'
  import { fileURLToPath, pathToFileURL } from 'node:url'
  import vm from 'node:vm'
  import { WebSocket } from ${JSON.stringify(import.meta.resolve('ws'))}

  const [, relay] = process.argv
  const names = ${JSON.stringify(GLOBALS)}
  const context = vm.createContext({ ...Object.fromEntries(names.map((name) => [name, globalThis[name]])), WebSocket })
  const modules = new Map()
  async function load(identifier) {
    const source = await readFile(fileURLToPath(identifier), 'utf8')
    if (!modules.has(identifier)) modules.set(identifier, new vm.SourceTextModule(source, { identifier, context }))
    return modules.get(identifier)
  }
  const find = (specifier, from) =>
    specifier.startsWith('.')
      ? new URL(specifier, from).href
      : pathToFileURL(createRequire(from).resolve(specifier)).href
  const entry = await load(${JSON.stringify(ENTRY)})
  await entry.link((specifier, { identifier }) => load(find(specifier, identifier)))
  await entry.evaluate()
  const lethe = entry.namespace

  const mailbox = lethe.loadMailbox(lethe.exportMailbox(lethe.createMailbox()))
  const { envelopeBytes } = await lethe.getInfo(relay)
  const envelope = (text) => lethe.pad(new TextEncoder().encode(text), envelopeBytes)
  const say = ({ envelope }) => console.log(new TextDecoder().decode(lethe.unpad(envelope)))

  await lethe.createHttpDepositor({ relay }).deposit({ address: mailbox.address, envelope: envelope('by HTTP') })
  const http = lethe.createHttpReceiver({ relay, mailbox })
  const { envelopes } = await http.fetchEnvelopes()
  envelopes.forEach(say)
  await http.acknowledge(envelopes.map(({ id }) => id))

  const stream = lethe.createSocketDepositor({ relay })
  await stream.deposit({ address: mailbox.address, envelope: envelope('by socket') })
  stream.close()
  for await (const received of lethe.receive({ relay, mailbox, untilDrained: true })) {
    say(received)
    received.ack()
  }
`

test('the SDK runs with a few globals of the web, and nothing of Node', async (t) => {
  const relay = await startTestRelay(t)
  const how = ['--experimental-vm-modules', '--no-warnings', '--input-type=module']
  const { stdout, stderr } = await run(process.execPath, [...how, '-e', SCRIPT, relay.url])
  t.same([stdout, stderr], ['by HTTP\nby socket\n', ''])
})

/** What a page would write, with the globals of a browser. */
const PAGE = `
  import { createMailbox, createSocketDepositor, getInfo, receive } from ${JSON.stringify(`${PROJECT}src/client/index.ts`)}
  const depositor = createSocketDepositor({ relay: location.origin, WebSocket, fetch })
  document.title = String((await getInfo(new URL(location.href))).maxTtl)
  for await (const { envelope, ack } of receive({ relay: location.origin, mailbox: createMailbox(), WebSocket })) {
    await depositor.deposit({ address: envelope.subarray(0, 32), envelope })
    ack()
  }
`

test("the SDK's types need those of the browser only, and take its WebSocket and fetch", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-page-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'page.mts'), PAGE)
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess']
  const target = ['--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,dom,dom.iterable', '--types', '']
  const how = ['--noEmit', '--ignoreConfig', '--allowImportingTsExtensions', ...strict, ...target]
  const { stdout } = await run(join(PROJECT, 'node_modules/.bin/tsc'), [...how, join(folder, 'page.mts')])
  t.equal(stdout, '')
})

import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import * as client from '../../src/client/index.ts'
import { test } from '../_util/tap.ts'

/** Compiled or published JavaScript: every module that its text imports. */
const IMPORT =
  /(?:^|[\n;])\s*(?:import|export)\s(?:[^'"();]*?\sfrom\s)?\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map(([, plain, dynamic]) => (plain ?? dynamic) as string)
}

/** Everything that is loaded when `entry` is: paths of files, and the bare names on the way. */
function loadedBy(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const queue = [entry]
  for (let url = queue.pop(); url !== undefined; url = queue.pop()) {
    if (files.has(url)) continue
    files.add(url)
    for (const specifier of importsOf(readFileSync(fileURLToPath(url), 'utf8'))) {
      if (builtinModules.includes(specifier.replace(/^node:/, ''))) packages.add(`node:${specifier}`)
      else if (specifier.startsWith('.')) queue.push(new URL(specifier, url).href)
      else {
        packages.add(specifier)
        queue.push(import.meta.resolve(specifier, url))
      }
    }
  }
  return { files, packages }
}

const ENTRY = new URL('../../src/client/index.js', import.meta.url).href

test('the public exports are these', async (t) => {
  t.same(Object.keys(client).sort(), [
    'AbortedError',
    'ClientError',
    'DisplacedError',
    'NetworkError',
    'RelayError',
    'UnexpectedAnswerError',
    'connectMailboxes',
    'createHttpDepositor',
    'createHttpReceiver',
    'createMailbox',
    'createSocketDepositor',
    'exportMailbox',
    'getInfo',
    'loadMailbox',
    'pad',
    'receive',
    'unpad',
  ])
  const published = await import('lethe/client' as string)
  t.same(Object.keys(published).sort(), Object.keys(client).sort(), 'lethe/client is this')
})

test('the SDK loads no module of Node, and no package but its cryptography', async (t) => {
  t.same(importsOf(`import a from 'one'; export * from "two"\nimport 'three'\nawait import('four')`), [
    'one',
    'two',
    'three',
    'four',
  ])
  const { files, packages } = loadedBy(ENTRY)
  t.ok(files.size > 20, 'the files were found')
  const names = [...new Set([...packages].map((specifier) => specifier.split('/').slice(0, 2).join('/')))]
  t.same(names.sort(), ['@noble/curves', '@noble/hashes'])
})

test('the SDK uses no global that only Node has', async (t) => {
  const own = [...loadedBy(ENTRY).files].filter((url) => !url.includes('/node_modules/'))
  t.ok(own.length > 20, 'the files were found')
  for (const url of own) {
    const code = readFileSync(fileURLToPath(url), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    t.notMatch(
      code,
      /\b(process|Buffer|require|setImmediate|__dirname|global)\b(?!['’])/,
      url.split('/').pop() as string,
    )
  }
})

import fc from 'fast-check'
import { readLines, readWhole } from '../../src/cli/input.ts'
import { toLine } from '../../src/cli/message-text.ts'
import { test } from '../_util/tap.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a script does with a line that `lethe receive` wrote. */
function fromLine(line: string): Buffer {
  return line.startsWith('base64url:') ? Buffer.from(line.slice(10), 'base64url') : Buffer.from(line, 'utf8')
}

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part)
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

test('a line of text is written as it is, anything else as base64url', async (t) => {
  for (const text of ['', 'hello', 'tab\there', 'žluťoučký 🐎', '\ufeffwith a mark', ' spaces ']) {
    t.equal(toLine(utf8(text)), text)
  }
  t.equal(toLine(utf8('from echo\n')), 'from echo')
  t.equal(toLine(utf8('from elsewhere\r\n')), 'from elsewhere')
  const others = [
    'an empty line\n\n',
    '\nin front',
    'two\nlines',
    'return\r',
    'escape \u001b[2J',
    'nul\0',
    'c1 \u009b2J',
    'line\u2028separator',
    '\u007f',
  ]
  for (const text of others) t.match(toLine(utf8(text)), /^base64url:[\w-]+$/, encodeURIComponent(text))
  t.equal(toLine(Uint8Array.of(0xff, 0xfe)), 'base64url:__4')
  t.equal(toLine(utf8('base64url:')), `base64url:${Buffer.from('base64url:').toString('base64url')}`)
})

test('every message is one line, from which it can be had back but for a line end of its own', async (t) => {
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.string({ unit: 'binary', maxLength: 30 }).map(utf8),
    fc.string({ maxLength: 20 }).map((text) => utf8(`base64url:${text}`)),
    fc.string({ maxLength: 20 }).map((text) => utf8(`${text}\n`)),
  )
  const isFaithful = fc.property(messages, (message) => {
    const line = toLine(message)
    const bare = Buffer.from(message)
      .toString('latin1')
      .replace(/\r?\n$/, '')
    return !/[\n\r]/.test(line) && [message, Buffer.from(bare, 'latin1')].some((one) => fromLine(line).equals(one))
  })
  t.doesNotThrow(() => fc.assert(isFaithful, { numRuns: 1_000 }))
})

test('lines are found wherever the chunks break', async (t) => {
  const line = fc.uint8Array({ maxLength: 12 }).map((bytes) => bytes.filter((byte) => byte !== 0x0a))
  const input = fc.record({ lines: fc.array(line, { maxLength: 8 }), chunkBytes: fc.integer({ min: 1, max: 9 }) })
  const isFound = fc.asyncProperty(input, async ({ lines, chunkBytes }) => {
    const text = Buffer.concat(lines.flatMap((one) => [one, Buffer.from('\n')]))
    const parts = Array.from({ length: Math.ceil(text.length / chunkBytes) }, (_, i) =>
      text.subarray(i * chunkBytes, (i + 1) * chunkBytes),
    )
    const found = await collect(readLines(chunks(parts), 12))
    return found.length === lines.length && found.every((one, i) => Buffer.compare(one, lines[i] as Uint8Array) === 0)
  })
  await t.resolves(fc.assert(isFound))
})

test('the last line needs no line end, and is there only if it holds something', async (t) => {
  const read = async (text: string) => (await collect(readLines(chunks([utf8(text)]), 9))).map(String)
  t.same(await read('a\nb'), ['a', 'b'])
  t.same(await read('a\nb\n'), ['a', 'b'])
  t.same(await read('a\n\nb\n\n'), ['a', '', 'b', ''])
  t.same(await read(''), [])
})

test('input that is too long for a message is refused as soon as that can be known', async (t) => {
  let given = 0
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      given++
      yield Buffer.alloc(1_000, 'a')
    }
  }
  await t.rejects(readWhole(endless(), 3_500), { message: /at most 3500 bytes/, exitCode: 1 })
  t.equal(given, 4)
  await t.rejects(collect(readLines(endless(), 3_500)), { message: /at most 3500 bytes/, exitCode: 1 })
  t.equal(given, 8)
  t.equal((await readWhole(chunks([utf8('abc'), utf8('d')]), 4)).length, 4)
  t.equal((await readWhole(chunks([]), 4)).length, 0)
})

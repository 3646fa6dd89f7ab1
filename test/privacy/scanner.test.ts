import { randomBytes } from 'node:crypto'
import { test } from '../_util/tap.ts'
import { CanaryBook, KIND_NAMES, randomValue } from './canaries.ts'
import { ENCODINGS, encodeLeak } from './encodings.ts'
import { Scanner } from './scanner.ts'

const SURROUNDINGS = [
  ['', ''],
  ['{"level":"info","a":"', '"}\n'],
  ['x', ' y'],
]
const HAYSTACK_BYTES = 4_000_000

test('a canary is found in every encoding, wherever it lies', (t) => {
  for (const kind of KIND_NAMES) {
    const missed: string[] = []
    for (const name of [...Object.keys(ENCODINGS), ...Object.keys(ENCODINGS), ...Object.keys(ENCODINGS)]) {
      const book = new CanaryBook()
      const canary = book.add(kind, randomValue(kind))
      const leak = encodeLeak(name, kind, canary.bytes)
      if (!leak) continue
      const scanner = new Scanner(book.all())
      for (const [before = '', after = ''] of SURROUNDINGS) {
        const line = Buffer.concat([Buffer.from(before), leak, Buffer.from(after)])
        if (!scanner.scan(line).has(canary)) missed.push(`${name}: ${JSON.stringify(line.toString('latin1'))}`)
      }
    }
    t.same(missed, [], kind)
  }
  t.end()
})

test('nothing is found where nothing is', (t) => {
  const book = new CanaryBook()
  for (const kind of KIND_NAMES) for (let i = 0; i < 40; i++) book.add(kind, randomValue(kind))
  const scanner = new Scanner(book.all())
  t.same(scanner.scan(randomBytes(HAYSTACK_BYTES)).size, 0, 'in random bytes')
  t.same(scanner.scan(Buffer.from(randomBytes(HAYSTACK_BYTES / 10).toString('hex'))).size, 0, 'in random hex')
  t.same(scanner.scan(Buffer.from(randomBytes(HAYSTACK_BYTES / 10).toString('base64'))).size, 0, 'in random base64')
  const pieces = book
    .all()
    .filter(({ kind }) => kind !== 'peer')
    .map(({ bytes }) => bytes.subarray(0, 5))
  t.same(
    scanner.scan(Buffer.from(pieces.map((piece) => piece.toString('hex')).join(' '))).size,
    0,
    '5 bytes are no hit',
  )
  t.end()
})

test('each occurrence counts once', (t) => {
  const book = new CanaryBook()
  const [key, other] = [book.add('publicKey', randomBytes(32)), book.add('publicKey', randomBytes(32))]
  const text = `${key.bytes.toString('hex')} and ${key.bytes.toString('base64')}, ${other.bytes.toString('base64url')}`
  t.same(
    new Scanner(book.all()).scan(Buffer.from(text)),
    new Map([
      [key, 2],
      [other, 1],
    ]),
  )
  t.end()
})

import fc from 'fast-check'

const MOST_BYTES = 4_096
/** Bytes that parsers look for. */
const INTERESTING = [0, 1, 2, 3, 4, 0x0a, 0x0d, 0x20, 0x2c, 0x2d, 0x3a, 0x3d, 0x7f, 0x80, 0x81, 0x8f, 0xc3, 0xff]

type Edit =
  | { kind: 'set'; at: number; byte: number }
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'remove'; at: number; count: number }
  | { kind: 'repeat'; at: number; count: number; times: number }
  | { kind: 'splice'; at: number; other: number }

const at = fc.nat({ max: MOST_BYTES })
const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...INTERESTING))

const edits: fc.Arbitrary<Edit[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at, byte }),
    fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat({ max: 7 }) }),
    fc.record({ kind: fc.constant('insert' as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }) }),
    fc.record({ kind: fc.constant('remove' as const), at, count: fc.integer({ min: 1, max: 64 }) }),
    fc.record({ kind: fc.constant('repeat' as const), at, count: fc.integer({ min: 1, max: 64 }), times: fc.nat(8) }),
    fc.record({ kind: fc.constant('splice' as const), at, other: fc.nat() }),
  ),
  { minLength: 1, maxLength: 4 },
)

function edited(bytes: Uint8Array, edit: Edit, corpus: readonly Uint8Array[]): Uint8Array {
  const place = bytes.length === 0 ? 0 : edit.at % (bytes.length + 1)
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
  switch (edit.kind) {
    case 'set':
      return Buffer.concat([before, Uint8Array.of(edit.byte), after.subarray(1)])
    case 'flip':
      return Buffer.concat([before, after.subarray(0, 1).map((one) => one ^ (1 << edit.bit)), after.subarray(1)])
    case 'insert':
      return Buffer.concat([before, edit.bytes, after])
    case 'remove':
      return Buffer.concat([before, after.subarray(edit.count)])
    case 'repeat':
      return Buffer.concat([before, ...Array(edit.times).fill(after.subarray(0, edit.count)), after])
    case 'splice': {
      const other = corpus[edit.other % corpus.length] ?? before
      return Buffer.concat([before, other.subarray(place % (other.length + 1))])
    }
    default:
      return edit satisfies never
  }
}

/** Bytes out of nothing now and then, and mostly what one of the corpus becomes by a few edits. */
export function inputsFrom(corpus: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const noise = fc.uint8Array({ maxLength: 200 })
  const mutated = fc.tuple(fc.nat(), edits).map(([index, list]) => {
    let bytes = corpus[index % corpus.length] ?? new Uint8Array()
    for (const edit of list) bytes = edited(bytes, edit, corpus)
    return bytes.subarray(0, MOST_BYTES)
  })
  return fc.oneof({ weight: 1, arbitrary: noise }, { weight: 9, arbitrary: mutated })
}

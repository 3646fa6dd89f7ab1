import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** Something to look for: a piece of `item`, which is one of several things of a kind. */
export interface Needle {
  readonly kind: string
  readonly item: number
  /** 16 bytes or more; only the first 16 are compared. */
  readonly bytes: Uint8Array
}

const NEEDLE_BYTES = 16
const CHUNK_BYTES = 4_194_304

/** Looks for many needles at once in time that does not depend on their number. */
export class NeedleIndex {
  readonly #byStart = new Map<number, { needle: Needle; text: Buffer }[]>()
  /** One bit for each start of three bytes. */
  readonly #filter = new Uint8Array(2 ** 21)

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) {
      if (needle.bytes.length < NEEDLE_BYTES) throw new RangeError('a needle is too short to be found by accident')
      const text = Buffer.from(needle.bytes.subarray(0, NEEDLE_BYTES))
      const start = text.readUInt32LE(0)
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), { needle, text }])
      const low = start & 0xffffff
      this.#filter[low >> 3] = (this.#filter[low >> 3] as number) | (1 << (low & 7))
    }
  }

  /** Adds what stands in the chunk to `found`: the items of each kind. */
  search(chunk: Buffer, found: Map<string, Set<number>>): void {
    const filter = this.#filter
    const end = chunk.length - NEEDLE_BYTES
    for (let at = 0; at <= end; at++) {
      const low = (chunk[at] as number) | ((chunk[at + 1] as number) << 8) | ((chunk[at + 2] as number) << 16)
      if (((filter[low >> 3] as number) & (1 << (low & 7))) === 0) continue
      for (const { needle, text } of this.#byStart.get(chunk.readUInt32LE(at)) ?? []) {
        if (chunk.compare(text, 0, NEEDLE_BYTES, at, at + NEEDLE_BYTES) !== 0) continue
        const items = found.get(needle.kind) ?? new Set()
        found.set(needle.kind, items.add(needle.item))
      }
    }
  }
}

/** What is in the memory of a process that this one has started, which stands still meanwhile, as for a core dump. */
export function searchProcess(pid: number, index: NeedleIndex): { found: Map<string, Set<number>>; bytes: number } {
  const found = new Map<string, Set<number>>()
  let bytes = 0
  process.kill(pid, 'SIGSTOP')
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const [from, to] of writableRegions(pid)) {
      // Chunks overlap, so that nothing hides on a border.
      for (let at = from; at < to; at += CHUNK_BYTES - NEEDLE_BYTES) {
        const chunk = readAt(memory, at, Math.min(CHUNK_BYTES, to - at))
        bytes += chunk.length
        index.search(chunk, found)
      }
    }
  } finally {
    closeSync(memory)
    process.kill(pid, 'SIGCONT')
  }
  return { found, bytes }
}

function writableRegions(pid: number): [from: number, to: number][] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')
  return lines.flatMap((line): [number, number][] => {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
    return from === '' || line.includes('[vvar') ? [] : [[Number.parseInt(from, 16), Number.parseInt(to, 16)]]
  })
}

/** Nothing where the system does not let it be read. */
function readAt(memory: number, at: number, length: number): Buffer {
  const chunk = Buffer.allocUnsafe(length)
  try {
    return chunk.subarray(0, readSync(memory, chunk, 0, length, at))
  } catch {
    return Buffer.alloc(0)
  }
}

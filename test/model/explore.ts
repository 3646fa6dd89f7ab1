/** What a state's successors are told to. */
export interface Found {
  /** Room for the state that a step leads to. */
  readonly next: Uint8Array
  /** A step leads to what `next` holds. */
  found(step: string): void
  /** A step violates a property. */
  failed(step: string, violation: string): void
}

/** What can come next from a state. */
export type Successors = (state: Uint8Array, found: Found) => void

export interface Exploration {
  readonly states: number
  /** Steps from the first state to the farthest one. */
  readonly depth: number
  /** The shortest way to a state that violates a property, and what it violates. */
  readonly counterexample: { readonly steps: readonly string[]; readonly violation: string } | undefined
}

/** Odd constants whose bits are well mixed; the low bits of the result have to depend on all bits of a word. */
const [FACTOR, FINAL_FACTOR] = [0x9e3779b1, 0x85ebca6b]
/** The first four bytes of a state are budgets: how often what may still happen. */
const BUDGET_WORDS = 1
const CHUNK_BITS = 16
const CHUNK_STATES = 1 << CHUNK_BITS

function hashOf(words: Uint32Array): number {
  let hash = 0
  for (let i = BUDGET_WORDS; i < words.length; i++) {
    hash = Math.imul(hash ^ (words[i] as number), FACTOR)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, FINAL_FACTOR)
  return (hash ^ (hash >>> 13)) >>> 0
}

/** Every state seen, each once, with the one from which a step first led to it. States are whole 32-bit words. */
class SeenStates {
  readonly #words: number
  readonly #chunks: Uint32Array[] = []
  readonly #parents: Int32Array[] = []
  /** An open hash table of indexes, with the hash of each beside it. */
  #slots = new Int32Array(1 << 18).fill(-1)
  #hashes = new Uint32Array(1 << 18)
  count = 0

  constructor(bytes: number) {
    this.#words = bytes >> 2
  }

  copyTo(index: number, words: Uint32Array): void {
    const begin = (index & (CHUNK_STATES - 1)) * this.#words
    const chunk = this.#chunks[index >> CHUNK_BITS] as Uint32Array
    for (let i = 0; i < this.#words; i++) words[i] = chunk[begin + i] as number
  }

  /** Takes note of a state unless it is known. */
  add(words: Uint32Array, parent: number): void {
    const mask = this.#slots.length - 1
    const hash = hashOf(words)
    let slot = hash & mask
    for (let known = this.#slots[slot] as number; known >= 0; known = this.#slots[slot] as number) {
      if (this.#hashes[slot] === hash && this.#covers(known, words)) return
      slot = (slot + 1) & mask
    }
    this.#slots[slot] = this.count
    this.#hashes[slot] = hash
    const at = this.count & (CHUNK_STATES - 1)
    if (at === 0) {
      this.#chunks.push(new Uint32Array(CHUNK_STATES * this.#words))
      this.#parents.push(new Int32Array(CHUNK_STATES))
    }
    const last = this.#chunks.length - 1
    ;(this.#chunks[last] as Uint32Array).set(words, at * this.#words)
    ;(this.#parents[last] as Int32Array)[at] = parent
    this.count++
    if (this.count * 2 > this.#slots.length) this.#grow()
  }

  parentOf(index: number): number {
    return (this.#parents[index >> CHUNK_BITS] as Int32Array)[index & (CHUNK_STATES - 1)] as number
  }

  /** Whether a known state is the same, or would be if less were left to it. */
  #covers(index: number, words: Uint32Array): boolean {
    const begin = (index & (CHUNK_STATES - 1)) * this.#words
    const chunk = this.#chunks[index >> CHUNK_BITS] as Uint32Array
    for (let i = BUDGET_WORDS; i < this.#words; i++) if (chunk[begin + i] !== words[i]) return false
    const [known, budgets] = [chunk[begin] as number, words[0] as number]
    for (let shift = 0; shift < 32; shift += 8)
      if (((known >>> shift) & 255) < ((budgets >>> shift) & 255)) return false
    return true
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1)
    const hashes = new Uint32Array(slots.length)
    for (const [i, index] of this.#slots.entries()) {
      if (index < 0) continue
      let slot = (this.#hashes[i] as number) & (slots.length - 1)
      while ((slots[slot] as number) >= 0) slot = (slot + 1) & (slots.length - 1)
      slots[slot] = index
      hashes[slot] = this.#hashes[i] as number
    }
    this.#slots = slots
    this.#hashes = hashes
  }
}

/** Goes through every state that can be reached, the nearest first, until none is new or a property fails. */
export function explore(first: Uint8Array, successors: Successors): Exploration {
  const seen = new SeenStates(first.length)
  const state = new Uint8Array(first.length)
  const next = new Uint8Array(first.length)
  const [stateWords, nextWords] = [new Uint32Array(state.buffer), new Uint32Array(next.buffer)]
  let failure: { step: string; violation: string } | undefined
  let index = 0
  const found: Found = {
    next,
    found: () => seen.add(nextWords, index),
    failed: (step, violation) => {
      failure ??= { step, violation }
    },
  }
  next.set(first)
  seen.add(nextWords, -1)
  let depth = -1
  for (let endOfDepth = 0; index < seen.count; index++) {
    if (index === endOfDepth) {
      depth++
      endOfDepth = seen.count
    }
    seen.copyTo(index, stateWords)
    successors(state, found)
    if (failure) {
      const steps = [...stepsTo(seen, index, successors, first.length), failure.step]
      return { states: seen.count, depth, counterexample: { steps, violation: failure.violation } }
    }
  }
  return { states: seen.count, depth, counterexample: undefined }
}

/** Names the steps on the way to a state, by taking them again. */
function stepsTo(seen: SeenStates, index: number, successors: Successors, bytes: number): string[] {
  const [from, next, to] = [new Uint8Array(bytes), new Uint8Array(bytes), new Uint8Array(bytes)]
  const steps: string[] = []
  for (let at = index; at > 0; at = seen.parentOf(at)) {
    seen.copyTo(at, new Uint32Array(to.buffer))
    seen.copyTo(seen.parentOf(at), new Uint32Array(from.buffer))
    let name = ''
    const found = (step: string) => {
      if (name === '' && next.every((byte, i) => byte === to[i])) name = step
    }
    successors(from, { next, found, failed: () => {} })
    steps.unshift(name)
  }
  return steps
}

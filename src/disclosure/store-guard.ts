import { type NodeGuard, type NodeSettings, UNSAFE_BY, type UnsafeBy } from '../mailbox/store-facts.ts'
import type { StartCheck } from './audit-check.ts'
import { START_STATE } from './audit-nodes.ts'
import { START_SETTINGS } from './audit-settings.ts'

const START_CHECKS: Readonly<Record<UnsafeBy, StartCheck>> = { ...START_SETTINGS, ...START_STATE }

/** What is wrong with a node, and how to mend it. */
export interface UnsafeSetting {
  readonly id: UnsafeBy
  /** One line for the operator. */
  readonly line: string
}

interface StoreGuardParts {
  /** Whether an unsafe store is used all the same. */
  readonly isAllowed: boolean
  /** What is wrong with the store has changed; empty when nothing is any more. */
  onChange(unsafeBy: readonly UnsafeBy[]): void
}

/** The quick part of the audit: it lets a node be used whose settings keep envelopes off disks and out of logs. */
export class StoreGuard implements NodeGuard {
  readonly settings: readonly string[] = Object.values(START_SETTINGS).map(({ setting }) => setting)
  readonly #isAllowed: boolean
  readonly #onChange: StoreGuardParts['onChange']
  readonly #faults = new Map<string, readonly UnsafeSetting[]>()
  #told = ''

  constructor({ isAllowed, onChange }: StoreGuardParts) {
    this.#isAllowed = isAllowed
    this.#onChange = onChange
  }

  /** Everything that is wrong with the nodes that were seen. */
  get faults(): readonly UnsafeSetting[] {
    return [...this.#faults.values()].flat()
  }

  /** Whether some node is not used for what is wrong with it. */
  get isRefusing(): boolean {
    return !this.#isAllowed && this.faults.length > 0
  }

  /** What the store that is in use is unsafe by; none where it is safe, or not used because it is not. */
  get usedUnsafeBy(): readonly UnsafeBy[] {
    return this.#isAllowed ? this.#unsafeBy() : []
  }

  admit(name: string, node: NodeSettings): boolean {
    const faults = UNSAFE_BY.flatMap((id) => {
      const { findAt, mend } = START_CHECKS[id]
      const detail = findAt(node)
      return detail === undefined ? [] : [{ id, line: `${node.address}: ${detail}. ${mend}` }]
    })
    this.#faults.set(name, faults)
    this.#tell()
    return this.#isAllowed || faults.length === 0
  }

  forget(name: string): void {
    this.#faults.delete(name)
    this.#tell()
  }

  #unsafeBy(): readonly UnsafeBy[] {
    const found = new Set(this.faults.map(({ id }) => id))
    return UNSAFE_BY.filter((id) => found.has(id))
  }

  #tell(): void {
    const unsafeBy = this.#unsafeBy()
    const text = unsafeBy.join()
    if (text === this.#told) return
    this.#told = text
    this.#onChange(unsafeBy)
  }
}

/** The store is unsafe and was not allowed. The message has one line for each thing that is wrong. */
export class UnsafeStoreError extends Error {
  readonly code = 'ERR_UNSAFE_STORE'

  constructor(faults: readonly UnsafeSetting[]) {
    const lines = faults.map(({ line }) => line)
    super([...lines, HOW_TO_ALLOW].join('\n'))
    this.name = 'UnsafeStoreError'
  }
}

const HOW_TO_ALLOW =
  'This store is unsafe and is not used. deploy/redis/redis.conf is a safe one. LETHE_ALLOW_UNSAFE_STORE=true uses ' +
  'it all the same, and tells everybody who asks the relay.'

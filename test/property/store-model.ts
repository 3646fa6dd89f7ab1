import assert from 'node:assert/strict'
import fc from 'fast-check'
import { StoreModel, type Subject } from './plain-store.ts'
import { commandArbitraries } from './store-commands.ts'

export interface StoreModelOptions {
  readonly open: () => Subject | Promise<Subject>
  /** Whether `Subject.advance` is there. */
  readonly isTimeMovable: boolean
  /** How many sequences are tried. */
  readonly runs: number
  /** Longest sequence. */
  readonly length: number
}

/**
 * Random sequences of deposits, reads, erasures, surveys and steps of time, done to the store and to the model, which
 * must agree after each.
 */
export async function checkStoreModel({ open, isTimeMovable, runs, length }: StoreModelOptions): Promise<void> {
  const sequences = fc.commands(commandArbitraries(isTimeMovable), { maxCommands: length, size: 'max' })
  const property = fc.asyncProperty(sequences, async (commands) => {
    const subject = await open()
    assert.equal(subject.advance !== undefined, isTimeMovable)
    const model = new StoreModel()
    await fc.asyncModelRun(() => ({ model, real: subject }), commands)
    await subject.end?.(model)
  })
  await fc.assert(property, { numRuns: runs })
}

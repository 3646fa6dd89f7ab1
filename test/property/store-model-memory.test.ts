import assert from 'node:assert/strict'
import {
  BUCKET_OVERHEAD_BYTES,
  createMemoryStore,
  ENVELOPE_OVERHEAD_BYTES,
} from '../../src/store/memory/mailbox-store.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { test } from '../_util/tap.ts'
import { createQueue, deposit, put } from '../contract/bench.ts'
import type { StoreModel, Subject } from './plain-store.ts'
import { checkStoreModel } from './store-model.ts'

const CAPACITY_BYTES = 1024 * 1024

async function openMemory(startMs: number): Promise<Subject> {
  const clock = createManualClock(startMs)
  const store = createMemoryStore({ clock, capacityBytes: CAPACITY_BYTES })
  await store.start({ wake() {}, announced() {}, up() {}, down() {}, replaced() {} })
  return {
    store,
    advance: (seconds) => clock.advance(seconds * 1000),
    async end(model: StoreModel) {
      // What is still there is known to the byte: exactly the rest fits.
      const waiting = model.buckets.flatMap((known) => known.waiting)
      const buckets = model.buckets.filter((known) => known.waiting.length > 0).length
      const bytes = waiting.reduce((sum, { sealed }) => sum + sealed.length / 2, 0)
      const used = bytes + waiting.length * ENVELOPE_OVERHEAD_BYTES + buckets * BUCKET_OVERHEAD_BYTES
      const rest = CAPACITY_BYTES - used - BUCKET_OVERHEAD_BYTES - ENVELOPE_OVERHEAD_BYTES
      await assert.rejects(deposit(store, createQueue(), { sealed: new Uint8Array(rest + 1) }))
      await put(store, createQueue(), { sealed: new Uint8Array(rest) })
      await store.close()
    },
  }
}

test('the memory store does what the model does', async (t) => {
  const open = () => openMemory(1_799_999_999_999)
  await t.resolves(checkStoreModel({ open, isTimeMovable: true, runs: 200, length: 120 }))
})

test('also where time cannot be moved', async (t) => {
  const open = async () => ({ store: (await openMemory(1_800_000_000_000)).store })
  await t.resolves(checkStoreModel({ open, isTimeMovable: false, runs: 50, length: 60 }))
})

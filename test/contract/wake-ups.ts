import { randomBytes } from 'node:crypto'
import { eraseNow } from '../../src/mailbox/erasures.ts'
import { StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'
import { storeDeposit } from '../_util/store-deposit.ts'
import {
  type Cases,
  type Contract,
  createQueue,
  DAY,
  deposit,
  heardAll,
  heardOf,
  put,
  putMany,
  record,
  WEEK,
} from './bench.ts'

const cases: Cases = {
  'a store that has started is up, ready, and missed nothing': async (t, bench) => {
    const { store, heard } = await bench.start()
    t.same(
      heard.filter((message) => !('wakeTag' in message)),
      [{ kind: 'up', isGap: false }],
    )
    t.equal(store.isReady(), true)
  },

  'each deposit wakes whoever follows the queue, once or together with others, and says where': async (t, bench) => {
    const instance = await bench.start()
    const { store } = instance
    const queue = createQueue()
    await store.follow(queue)
    const week = await put(store, queue)
    const day = await put(store, queue, { sizeIndex: 1, classIndex: DAY })
    const together = await putMany(store, queue, 3, { capacity: 10 })
    await heardAll(instance, queue)
    const wake = { kind: 'wake', wakeTag: queue.wakeKey }
    const inWeek = { ...wake, sizeIndex: 0, classIndex: WEEK, expiresAt: week.bucket.expiresAt }
    const inDay = { ...wake, sizeIndex: 1, classIndex: DAY, expiresAt: day.bucket.expiresAt }
    const announced = together.filter(({ isAnnounced }) => isAnnounced)
    t.ok(announced.length > 0 && week.isAnnounced && day.isAnnounced)
    t.same(heardOf(instance, queue), [inWeek, inDay, ...announced.map(() => inWeek)])
  },

  'what is not stored wakes nobody': async (t, bench) => {
    const instance = await bench.start()
    const queue = createQueue()
    await instance.store.follow(queue)
    await put(instance.store, queue, { capacity: 1 })
    t.equal((await deposit(instance.store, queue, { capacity: 1 })).outcome.kind, 'full')
    await heardAll(instance, queue)
    t.equal(heardOf(instance, queue).length, 1)
  },

  'an announcement is heard by its own process, after the call, in order': async (t, bench) => {
    const instance = await bench.start()
    const { store } = instance
    const queue = createQueue()
    await store.follow(queue)
    const sent = Array.from({ length: 20 }, (_, i) => ({
      kind: i % 3 === 0 ? ('question' as const) : ('claim' as const),
      session: randomBytes(8),
    }))
    const sending = sent.map((announcement) => store.announce(queue, announcement))
    t.same(heardOf(instance, queue), [], 'not within the call')
    await Promise.all(sending)
    await heardAll(instance, queue)
    t.same(
      heardOf(instance, queue),
      sent.map(({ kind, session }) => ({ kind, wakeTag: queue.wakeKey, session: session.toString('latin1') })),
    )
  },

  'following is counted': async (t, bench) => {
    const instance = await bench.start()
    const { store } = instance
    const queue = createQueue()
    await Promise.all([store.follow(queue), store.follow(queue), store.follow(queue)])
    store.unfollow(queue)
    store.unfollow(queue)
    await put(store, queue)
    await heardAll(instance, queue)
    t.equal(heardOf(instance, queue).length, 1, 'once, however many follow')
    store.unfollow(queue)
    await store.follow(queue)
    await put(store, queue)
    await heardAll(instance, queue)
    t.equal(heardOf(instance, queue).length, 2, 'and again for one who comes back')
  },

  'a store that was closed does nothing more': async (t, bench) => {
    const instance = await bench.start()
    const { store, heard } = instance
    const queue = createQueue()
    const { bucket, seq } = await put(store, queue)
    await store.follow(queue)
    await store.close()
    t.equal(store.isReady(), false)
    const before = heard.length
    await t.rejects(
      storeDeposit(store, queue.partition, (now) => record(queue, now)),
      StoreUnavailableError,
    )
    await t.rejects(store.survey([bucket]), StoreUnavailableError)
    await t.rejects(store.read(bucket, undefined, 1), StoreUnavailableError)
    await t.rejects(eraseNow(store, bucket, [seq]), StoreUnavailableError)
    await t.rejects(store.announce(queue, { kind: 'claim', session: randomBytes(8) }), StoreUnavailableError)
    await t.rejects(store.follow(queue), StoreUnavailableError)
    store.unfollow(queue)
    t.equal(heard.length, before, 'and its listener hears no more')
    await store.close()
  },
}

const sharedCases: Cases = {
  'a deposit through another instance wakes': async (t, bench) => {
    const [here, there] = [await bench.start(), await bench.start()]
    const queue = createQueue()
    await here.store.follow(queue)
    const { bucket } = await put(there.store, queue)
    await heardAll(here, queue)
    const { sizeIndex, classIndex, expiresAt } = bucket
    t.same(heardOf(here, queue), [{ kind: 'wake', wakeTag: queue.wakeKey, sizeIndex, classIndex, expiresAt }])
  },

  'all hear the announcements of all in one order': async (t, bench) => {
    const instances = [await bench.start(), await bench.start(), await bench.start()]
    const queue = createQueue()
    const followers = instances.slice(0, 2)
    for (const { store } of followers) await store.follow(queue)
    const sending = Array.from({ length: 30 }, (_, i) => {
      const { store } = instances[i % 3] as (typeof instances)[0]
      return store.announce(queue, { kind: 'claim', session: randomBytes(8) })
    })
    await Promise.all(sending)
    for (const instance of followers) await heardAll(instance, queue)
    const [one, other] = followers.map((instance) => heardOf(instance, queue))
    t.equal(one?.length, 30)
    t.same(one, other)
  },

  'what one instance has confirmed, every other one sees': async (t, bench) => {
    const [one, other] = [await bench.start(), await bench.start()]
    const queue = createQueue()
    const { bucket, seq } = await put(one.store, queue)
    t.equal((await other.store.read(bucket, undefined, 5)).entries.length, 1)
    await eraseNow(other.store, bucket, [seq])
    t.same((await one.store.read(bucket, undefined, 5)).entries, [])
    await other.store.close()
    t.equal((await put(one.store, queue)).isFirst, true, 'and closing one leaves the rest')
  },
}

const selectiveCases: Cases = {
  'nothing is heard of a queue that is not followed, or no longer': async (t, bench) => {
    const instance = await bench.start()
    const { store } = instance
    const queue = createQueue()
    const stir = async () => {
      await put(store, queue)
      await store.announce(queue, { kind: 'claim', session: randomBytes(8) })
      await heardAll(instance, queue)
      return heardOf(instance, queue).length
    }
    t.equal(await stir(), 0)
    await store.follow(queue)
    await store.follow(queue)
    t.equal(await stir(), 2)
    store.unfollow(queue)
    t.equal(await stir(), 4, 'one is left')
    store.unfollow(queue)
    t.equal(await stir(), 4)
  },
}

export function wakeUpCases({ isShared, isSelective }: Contract): Cases {
  return { ...cases, ...(isShared ? sharedCases : {}), ...(isSelective ? selectiveCases : {}) }
}

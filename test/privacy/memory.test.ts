import { takeImages } from '../../ops/forensics/memory-images.ts'
import { test } from '../_util/tap.ts'

const ENVELOPES = 60
/** The last request of either kind may stand in a buffer of Node's. */
const LAST = 2

test('what is in memory after everything was acknowledged', async (t) => {
  const images = await takeImages({ envelopes: ENVELOPES, pauseSeconds: 0, others: [] })
  const [waiting, erased] = images as [(typeof images)[0], (typeof images)[0]]
  const count = (image: ReadonlyMap<string, ReadonlySet<number>>, kind: string) => image.get(kind)?.size ?? 0

  t.equal(count(waiting.redis, 'sealed'), ENVELOPES, 'the search finds what is there')
  t.equal(count(waiting.relay, 'storeSecret'), 1)
  for (const { relay, redis, moment } of [waiting, erased]) {
    for (const kind of ['http envelope', 'socket envelope', 'address', 'publicKey', 'sealKey', 'queueId']) {
      t.ok(count(relay, kind) <= LAST, `${moment}: ${count(relay, kind)} × ${kind} in the relay`)
      t.equal(count(redis, kind), 0, `${moment}: ${kind} in Redis`)
    }
    t.equal(count(redis, 'storeSecret'), 0)
  }
})

import { ERRORS, RETRY_AFTER_SECONDS } from '../../src/protocol/errors.ts'
import { startRedis } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, range } from '../conformance/client.ts'
import { connectDeposit, type DepositSocket } from '../conformance/deposit-socket.ts'
import { deposit } from '../conformance/http.ts'
import { checkProblem } from '../conformance/problems.ts'
import { createStoreSecret, relayFor } from '../conformance/stores.ts'
import { EXACT_METRICS, metric } from './served.ts'

/** As few as a relay ever takes in hand, whatever it knows of its store. */
const LIMIT = 64
const { number: UNAVAILABLE } = ERRORS.ERR_STORE_UNAVAILABLE
const { address } = createMailbox()

function send(socket: DepositSocket, count: number): void {
  for (const ref of range(0, count)) {
    socket.deposit({ ref, ttl: 600, address, envelope: createEnvelope(4_000, ref) })
  }
}

/** Refs of the next answers, which all have to be refusals. */
async function refused(socket: DepositSocket, count: number): Promise<number[]> {
  const refs: number[] = []
  while (refs.length < count) {
    const answer = await socket.answer()
    if (answer.type !== 'ERROR' || answer.code !== UNAVAILABLE) throw new Error(`answered ${JSON.stringify(answer)}`)
    refs.push(answer.ref)
  }
  return refs
}

test('[protocol §6: 8, 503] what would wait too long is refused at once, who has much in hand before who has little', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const store = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() }
  const relay = await relayFor(t, { ...store, ...EXACT_METRICS, LETHE_MAX_WAIT_MS: '10' })
  redis.pause()
  t.teardown(() => redis.resume())

  const greedy = await connectDeposit(relay)
  send(greedy, LIMIT)
  t.same(await refused(greedy, LIMIT / 2), range(LIMIT / 2, LIMIT), 'one connection has half of all at most')
  const modest = await connectDeposit(relay)
  send(modest, 10)
  send(greedy, 1)
  t.same(await refused(greedy, 1), [0], 'it is refused')
  // Each takes half of what the others have left, until there is nothing.
  const others = [await connectDeposit(relay), await connectDeposit(relay), await connectDeposit(relay)]
  const counts = [11, 6, 3]
  for (const [i, other] of others.entries()) {
    send(other, 20)
    await refused(other, 20 - (counts[i] as number))
  }
  for (const _ of range(0, 2)) {
    const last = await connectDeposit(relay)
    send(last, 2)
    t.same(await refused(last, 1), [1], 'the last of them get one each')
    others.push(last)
  }
  const none = await deposit(relay, address, createEnvelope())
  checkProblem(t, none, 'ERR_STORE_UNAVAILABLE', 'and then there is none left')
  t.equal(none.headers['retry-after'], String(RETRY_AFTER_SECONDS.ERR_STORE_UNAVAILABLE))
  const sheds = LIMIT / 2 + 1 + (60 - 20) + 2 + 1
  t.equal(await metric(relay, 'lethe_refusals_total{cause="load"}'), sheds, 'each is counted')
  t.equal(await metric(relay, 'lethe_deposits_total{result="unavailable",size="0"}'), sheds)

  redis.resume()
  for (const ref of range(0, 10)) t.same((await modest.answer()).ref, ref, 'who had little was not refused')
  for (const socket of [greedy, modest, ...others]) await socket.close()
})

import { NetworkError, RelayError, UnexpectedAnswerError } from '../../src/client/errors.ts'
import { Backoff, withRetries } from '../../src/client/retry.ts'
import { test } from '../_util/tap.ts'

const POLICY = { minDelayMs: 100, maxDelayMs: 1_000, maxAttempts: 20, maxTotalMs: 3_600_000 }
const FAST = { minDelayMs: 1, maxDelayMs: 2, maxAttempts: 4, maxTotalMs: 3_600_000 }

test('pauses double up to the longest, each drawn between half and all of it', async (t) => {
  const drawn = new Set<number>()
  for (let round = 0; round < 50; round++) {
    const backoff = new Backoff(POLICY)
    for (const ceiling of [100, 200, 400, 800, 1_000, 1_000]) {
      const delayMs = backoff.fail() ?? Number.NaN
      t.ok(delayMs >= ceiling / 2 && delayMs <= ceiling, `${delayMs} is between ${ceiling / 2} and ${ceiling}`)
      drawn.add(delayMs)
    }
  }
  t.ok(drawn.size > 100, 'they differ')
})

test('success begins anew', async (t) => {
  const backoff = new Backoff({ ...POLICY, maxAttempts: 3 })
  backoff.fail()
  backoff.fail()
  backoff.succeed()
  t.ok((backoff.fail() ?? Number.NaN) <= 100)
  t.ok(backoff.fail())
  t.equal(backoff.fail(), undefined, 'the third failure in a row is the last')
})

test('a pause is never shorter than Retry-After, and none is begun that ends too late', async (t) => {
  t.ok((new Backoff(POLICY).fail(5_000) ?? 0) >= 5_000)
  t.equal(new Backoff({ ...POLICY, maxTotalMs: 4_000 }).fail(5_000), undefined)
})

test('what passes is tried again, up to the bound, and the last error is given', async (t) => {
  for (const error of [new NetworkError(), new RelayError('ERR_STORE_UNAVAILABLE'), new RelayError('ERR_DRAINING')]) {
    let tries = 0
    const failing = withRetries(FAST, undefined, async () => {
      tries++
      throw error
    })
    await t.rejects(failing, error)
    t.equal(tries, FAST.maxAttempts, error.code)
  }
  let tries = 0
  const value = await withRetries(FAST, undefined, async () => {
    tries++
    if (tries < 3) throw new RelayError('ERR_RATE_LIMITED', { retryAfterSeconds: 0 })
    return 'done'
  })
  t.same([value, tries], ['done', 3])
})

test('what will not pass is given at once', async (t) => {
  for (const error of [new RelayError('ERR_MAILBOX_FULL'), new UnexpectedAnswerError(), new TypeError('a mistake')]) {
    let tries = 0
    const failing = withRetries(FAST, undefined, async () => {
      tries++
      throw error
    })
    await t.rejects(failing, error)
    t.equal(tries, 1)
  }
})

test('the signal ends the waiting between two tries', async (t) => {
  const ending = new AbortController()
  const slow = { ...POLICY, minDelayMs: 3_600_000, maxDelayMs: 3_600_000, maxTotalMs: Number.POSITIVE_INFINITY }
  const failing = withRetries(slow, ending.signal, async () => {
    setImmediate(() => ending.abort('enough'))
    throw new NetworkError()
  })
  await t.rejects(failing, { code: 'ERR_ABORTED', name: 'AbortError', cause: 'enough' })
})

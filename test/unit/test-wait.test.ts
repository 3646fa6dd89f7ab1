import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

test('eventually gives what the check gives in the end', async (t) => {
  let looks = 0
  const value = await eventually(() => (++looks < 3 ? undefined : looks), { intervalMs: 1 })
  t.equal(value, 3)
  t.equal(await eventually(() => 0), 0, '0 is an answer')
})

test('eventually tries again after an error and tells the last one when the time is up', async (t) => {
  let looks = 0
  const value = await eventually(
    () => {
      if (++looks < 3) throw new Error('not yet')
      return 'there'
    },
    { intervalMs: 1 },
  )
  t.equal(value, 'there')
  const never = () => {
    throw new Error('still wrong')
  }
  await t.rejects(eventually(never, { timeoutMs: 20, intervalMs: 1 }), /20 ms: still wrong/)
  await t.rejects(
    eventually(() => false, { timeoutMs: 20, intervalMs: 1 }),
    /not so within 20 ms$/,
  )
})

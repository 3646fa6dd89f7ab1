import { test } from '../_util/tap.ts'
import { Bench, type Contract } from './bench.ts'
import { depositCases } from './deposits.ts'
import { erasureCases } from './erasures.ts'
import { readCases } from './reads.ts'
import { timeCases } from './time.ts'
import { wakeUpCases } from './wake-ups.ts'

/** Time passes for real in some cases, about a minute: they come first, and the others run beside them. */
const JOBS = 8

/**
 * The contract of `MailboxStore`, sentence by sentence. Every adapter runs it.
 * @param name of the adapter
 */
export function runContract(name: string, contract: Contract): void {
  const cases = {
    ...timeCases,
    ...depositCases(contract),
    ...readCases,
    ...erasureCases,
    ...wakeUpCases(contract),
  }
  test(`the store's contract, ${name}`, { jobs: JOBS }, async (t) => {
    for (const [title, body] of Object.entries(cases)) {
      t.test(title, async (t) => {
        const world = await contract.create()
        t.teardown(() => world.close?.())
        await body(t, new Bench(t, world))
      })
    }
  })
}

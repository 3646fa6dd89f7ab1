import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const ROUNDS = 3

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Collects garbage, also what only the turns that are under way still hold. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < ROUNDS; i++) {
    await turn()
    collect()
  }
}

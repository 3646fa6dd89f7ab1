import { exploreModel } from './model.ts'
import { OTHERS, PLANTED, WHOLE } from './settings.ts'
import { MUTATIONS } from './world.ts'

/** `npm run test:model`: explores every setting of the model to its end, and looks for every planted fault. */

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

function tell(steps: readonly string[], violation: string): void {
  for (const step of steps) say(`    ${step}`)
  say(`  ${violation}`)
}

const MIN_STATES = 1_000_000

let isGood = true
for (const { name, setting, isReduced } of [WHOLE, ...OTHERS]) {
  const { user } = process.cpuUsage()
  const { states, depth, counterexample } = exploreModel({ setting, isReduced, mutation: undefined })
  const seconds = (process.cpuUsage().user - user) / 1e6
  say(`${name}: ${states} states, ${depth} steps deep, ${seconds.toFixed(0)} s`)
  say(`  ${JSON.stringify(setting)}`)
  if (counterexample) tell(counterexample.steps, counterexample.violation)
  if (counterexample || (name === WHOLE.name && states < MIN_STATES)) isGood = false
}
for (const mutation of MUTATIONS) {
  const isReduced = mutation === 'first ones move the cursor'
  const { counterexample } = exploreModel({ setting: PLANTED[mutation], isReduced, mutation })
  say(`planted: ${mutation}: ${counterexample ? `found after ${counterexample.steps.length} steps` : 'NOT FOUND'}`)
  if (counterexample) tell(counterexample.steps, counterexample.violation)
  else isGood = false
}
process.exitCode = isGood ? 0 : 1

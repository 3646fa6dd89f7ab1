import { test } from '../_util/tap.ts'
import { exploreModel } from './model.ts'
import { PLANTED, SHORT } from './settings.ts'
import { MUTATIONS } from './world.ts'

for (const { name, setting, isReduced } of SHORT) {
  test(`[E7] nothing goes wrong in any state of the model: ${name}`, (t) => {
    const { states, depth, counterexample } = exploreModel({ setting, isReduced, mutation: undefined })
    t.comment(`${states} states, ${depth} steps deep`)
    t.equal(counterexample, undefined)
    t.ok(states > 1_000, 'the exploration goes somewhere')
    t.end()
  })
}

for (const mutation of MUTATIONS) {
  test(`[E7] the model finds a planted fault: ${mutation}`, (t) => {
    const setting = PLANTED[mutation]
    const isReduced = mutation === 'first ones move the cursor'
    const { counterexample } = exploreModel({ setting, isReduced, mutation })
    t.ok(counterexample, 'a way to it is found')
    t.comment(`${counterexample?.steps.join('; ')}: ${counterexample?.violation}`)
    t.equal(
      exploreModel({ setting: { ...setting }, isReduced, mutation: undefined }).counterexample,
      undefined,
      'and only with it',
    )
    t.end()
  })
}

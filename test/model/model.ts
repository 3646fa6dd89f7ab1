import { makeCanonical } from './canonical.ts'
import { crashSteps } from './crashes.ts'
import { type Exploration, explore, type Successors } from './explore.ts'
import { checkAlways, checkAtRest } from './properties.ts'
import { goOn } from './reductions.ts'
import { insideSteps, outsideSteps } from './steps.ts'
import { createWorld, type Rules, Violation, type World } from './world.ts'

/** Every state that deposit, wake-up, read, acknowledgement, displacement, expiry and crashes can lead to. */
export function exploreModel(rules: Rules): Exploration {
  return explore(createWorld(rules), successorsOf(rules))
}

function successorsOf(rules: Rules): Successors {
  return (state, { found, next, failed }) => {
    let isAtRest = true
    const take = (step: string, change: (w: World) => void) => {
      next.set(state)
      try {
        change(next)
        if (rules.isReduced) goOn(rules, next)
        makeCanonical(rules, next)
        checkAlways(next)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        return failed(step, error.message)
      }
      found(step)
    }
    insideSteps(rules, state, (step, change) => {
      isAtRest = false
      take(step, change)
    })
    outsideSteps(rules, state, take)
    crashSteps(rules, state, take)
    if (isAtRest) atRest(rules, state, failed)
  }
}

function atRest(rules: Rules, state: World, failed: (step: string, violation: string) => void): void {
  try {
    checkAtRest(rules, state)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    failed('all has come to rest', error.message)
  }
}

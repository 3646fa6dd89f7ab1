import { slotSeconds } from '../../src/protocol/retention.ts'
import type { LetheAttack } from './attack.ts'

/** What is claimed of a copy and does not hold, one line for each. */
export function brokenClaims({ arrivals, hints, linking, activity, inDumps }: LetheAttack): string[] {
  const broken: string[] = []
  for (const [classIndex, { narrowest, widest }] of arrivals.copy.windows) {
    const slot = slotSeconds(classIndex)
    if (narrowest !== slot || widest !== slot) broken.push(`class ${classIndex}: a window is not as long as its slot`)
  }
  if (arrivals.copy.windows.size === 0) broken.push('no window had ended')
  if (arrivals.copy.outside > 0) broken.push('envelopes came outside of their windows')
  for (const { figure, correlation } of hints.copy.hints) {
    if (Math.abs(correlation) > hints.copy.chance) broken.push(`${figure} narrows the window`)
  }
  if (linking.hits > linking.mostByLuck) broken.push('buckets are tied to addresses more often than by chance')
  if (activity.emptiedVisible > 0) broken.push('a mailbox that holds nothing has left a trace')
  if (inDumps.length > 0) broken.push(`DUMP tells something else than the file: ${inDumps.join(', ')}`)
  return broken
}

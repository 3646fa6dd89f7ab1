import { classSeconds, slotSeconds } from '../../src/protocol/retention.ts'
import type { Truth } from './layout.ts'
import type { Observed } from './observe.ts'
import { chanceCorrelation, correlation, median } from './statistics.ts'

/** What an attack says of the arrival of one envelope, and when that was. Unix seconds. */
interface Estimate {
  readonly from: number
  readonly to: number
  readonly best: number
  readonly truth: number
  readonly classIndex: number
  /** Whether the window ended before the copy was made. */
  readonly isWhole: boolean
}

export interface ArrivalResult {
  readonly envelopes: number
  /** Width of the windows in seconds, of those that had ended: by class, the widest and the narrowest. */
  readonly windows: ReadonlyMap<number, { readonly narrowest: number; readonly widest: number }>
  /** Envelopes that did not arrive within their window: the attack would be wrong about them. */
  readonly outside: number
  readonly medianErrorSeconds: number
  readonly smallestErrorSeconds: number
  readonly withinSecondShare: number
}

/** Judges estimates; of one class only, or of all. */
function judge(estimates: readonly Estimate[]): ArrivalResult {
  const errors = estimates.map(({ best, truth }) => Math.abs(best - truth))
  const windows = new Map<number, { narrowest: number; widest: number }>()
  for (const { classIndex, from, to, isWhole } of estimates) {
    if (!isWhole) continue
    const known = windows.get(classIndex) ?? { narrowest: Number.POSITIVE_INFINITY, widest: 0 }
    const [narrowest, widest] = [Math.min(known.narrowest, to - from), Math.max(known.widest, to - from)]
    windows.set(classIndex, { narrowest, widest })
  }
  return {
    envelopes: estimates.length,
    windows,
    outside: estimates.filter(({ from, to, truth }) => truth < from || truth > to).length,
    medianErrorSeconds: median(errors),
    smallestErrorSeconds: Math.min(...errors),
    withinSecondShare: errors.filter((error) => error <= 1).length / errors.length,
  }
}

/**
 * When the envelopes of a Lethe store arrived, from expiry, counts and order. The attack is told the class of each
 * bucket, which it would otherwise have to guess from the expiry.
 * @param touchedSeconds of a running server: when everything was last touched; what was used since is known to a second
 */
export function estimateLetheArrivals(
  observed: readonly Observed[],
  truth: Truth,
  endSeconds: number,
  touchedSeconds?: number,
): ArrivalResult {
  return judge(observed.flatMap((bucket) => estimateBucket(bucket, truth, endSeconds, touchedSeconds)))
}

function estimateBucket(bucket: Observed, truth: Truth, endSeconds: number, touchedSeconds?: number): Estimate[] {
  const { classIndex, waiting } = streamOf(truth, bucket)
  const from = (bucket.expiresAt as number) - classSeconds(classIndex)
  const slotEnd = from + slotSeconds(classIndex)
  const to = Math.min(slotEnd, endSeconds)
  const base = seqOf(bucket.lastId) - bucket.added + 1
  return bucket.entries.map(({ id }): Estimate => {
    // The k-th of n that fell anywhere into a window is to be expected at k/(n+1) of it.
    const place = (seqOf(id) - base + 1) / (bucket.added + 1)
    const arrivedMs = waiting.get(id)?.arrivedMs ?? Number.NaN
    // Redis tells whole seconds.
    const lastUse = endSeconds - bucket.idleSeconds - 0.5
    const isTold = touchedSeconds !== undefined && id === bucket.lastId && lastUse > touchedSeconds + 1
    const best = isTold ? lastUse : from + place * (to - from)
    return { from, to, best, truth: arrivedMs / 1000, classIndex, isWhole: slotEnd <= endSeconds }
  })
}

/** The same of the plain layout, whose ids begin with the millisecond. */
export function estimatePlainArrivals(observed: readonly Observed[], truth: Truth): ArrivalResult {
  const estimates = observed.flatMap((queue) => {
    const { classIndex, waiting } = streamOf(truth, queue)
    return queue.entries.map(({ id }): Estimate => {
      const best = Number(id.split('-')[0]) / 1000
      const arrived = (waiting.get(id)?.arrivedMs ?? Number.NaN) / 1000
      return { from: best, to: best + 0.001, best, truth: arrived, classIndex, isWhole: true }
    })
  })
  return judge(estimates)
}

/** How much a figure of the store says about when within its slot an envelope came. */
export interface Hint {
  readonly figure: string
  readonly correlation: number
}

/**
 * Whether anything that is stored narrows the window: for buckets with one envelope and a window that has ended, how each
 * figure goes along with the place in the window at which the envelope came.
 */
export function findHints(
  observed: readonly Observed[],
  truth: Truth,
  endSeconds: number,
): { hints: Hint[]; envelopes: number; chance: number } {
  const places: number[] = []
  const figures = new Map<string, number[]>()
  for (const bucket of observed) {
    const { classIndex, waiting } = streamOf(truth, bucket)
    const from = (bucket.expiresAt ?? 0) - classSeconds(classIndex)
    const slot = slotSeconds(classIndex)
    const [only] = waiting.values()
    if (only === undefined || waiting.size > 1 || bucket.added > 1 || from + slot > endSeconds) continue
    places.push((only.arrivedMs / 1000 - from) / slot)
    for (const [figure, value] of Object.entries(figuresOf(bucket))) {
      figures.set(figure, [...(figures.get(figure) ?? []), value])
    }
  }
  const hints = [...figures].map(([figure, values]) => ({ figure, correlation: correlation(values, places) }))
  return { hints, envelopes: places.length, chance: chanceCorrelation(places.length) }
}

/** Of two buckets of one slot that lie beside each other: whether the first is the newer one, as in a chain of a hash table. */
export function compareNeighbours(observed: readonly Observed[], truth: Truth): { pairs: number; newerFirst: number } {
  const inOrder = [...observed].sort((a, b) => a.place - b.place)
  let [pairs, newerFirst] = [0, 0]
  for (const [i, bucket] of inOrder.entries()) {
    const next = inOrder[i + 1]
    if (next === undefined || next.expiresAt !== bucket.expiresAt || bucket.added > 1 || next.added > 1) continue
    const [one, other] = [bucket, next].map((each) => [...streamOf(truth, each).waiting.values()][0]?.arrivedMs ?? 0)
    pairs++
    if ((one as number) > (other as number)) newerFirst++
  }
  return { pairs, newerFirst }
}

function figuresOf(bucket: Observed): Record<string, number> {
  return {
    'stream id': seqOf(bucket.lastId),
    'name of the key': Buffer.from(bucket.key.split(':').at(-1) ?? '', 'base64url').readUIntBE(0, 6),
    'place among the keys': bucket.place,
    'memory used': bucket.memoryBytes,
    'nodes of the tree': bucket.treeNodes,
    'last erased id': seqOf(bucket.maxDeletedId),
  }
}

function seqOf(id: string): number {
  return Number(id.split('-')[1])
}

function streamOf(truth: Truth, { key }: Observed) {
  const stream = truth.get(key)
  if (stream === undefined) throw new Error('the store holds a key that the simulation did not write')
  return stream
}

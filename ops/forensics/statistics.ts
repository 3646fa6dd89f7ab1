/** The middle one. @throws RangeError of an empty list */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('nothing to take the median of')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Pearson's correlation; 0 where one of the two never changes. */
export function correlation(x: readonly number[], y: readonly number[]): number {
  const [meanX, meanY] = [mean(x), mean(y)]
  let [both, ofX, ofY] = [0, 0, 0]
  for (const [i, value] of x.entries()) {
    const [dx, dy] = [value - meanX, (y[i] as number) - meanY]
    both += dx * dy
    ofX += dx * dx
    ofY += dy * dy
  }
  return ofX === 0 || ofY === 0 ? 0 : both / Math.sqrt(ofX * ofY)
}

/** How large a correlation of `count` pairs that have nothing to do with each other gets once in about two million. */
export function chanceCorrelation(count: number): number {
  return 5 / Math.sqrt(count)
}

/** The most hits that luck has with a chance of one in a million, if `expected` are expected. [Poisson] */
export function luckyHits(expected: number): number {
  let probability = Math.exp(-expected)
  let below = probability
  let hits = 0
  while (below < 1 - 1e-6 && hits < 1e6) {
    hits++
    probability *= expected / hits
    below += probability
  }
  return hits
}

/** Area under the ROC curve of a classifier that calls large scores positive, with its 95 % interval. */
export interface Auc {
  readonly auc: number
  readonly low: number
  readonly high: number
}

/** AUC from all pairs, ties counting half, and its interval after DeLong, DeLong and Clarke-Pearson (1988). */
export function aucOf(negative: readonly number[], positive: readonly number[]): Auc {
  const [n, p] = [negative.length, positive.length]
  const all = ranks([...negative, ...positive])
  const ownNegative = ranks(negative)
  const ownPositive = ranks(positive)
  // Share of the other class that each one is rightly apart from.
  const ofNegative = negative.map((_, i) => 1 - ((all[i] as number) - (ownNegative[i] as number)) / p)
  const ofPositive = positive.map((_, i) => ((all[n + i] as number) - (ownPositive[i] as number)) / n)
  const auc = mean(ofPositive)
  const deviation = Math.sqrt(variance(ofNegative) / n + variance(ofPositive) / p)
  return { auc, low: Math.max(0, auc - 1.96 * deviation), high: Math.min(1, auc + 1.96 * deviation) }
}

function variance(values: readonly number[]): number {
  const middle = mean(values)
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1)
}

/** Place of each in the order, from 1; equal ones share their mean place. */
function ranks(values: readonly number[]): Float64Array {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] as number) - (values[b] as number))
  const places = new Float64Array(values.length)
  for (let from = 0; from < order.length; ) {
    let to = from + 1
    while (to < order.length && values[order[to] as number] === values[order[from] as number]) to++
    for (let i = from; i < to; i++) places[order[i] as number] = (from + 1 + to) / 2
    from = to
  }
  return places
}

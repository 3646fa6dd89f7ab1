import type { Profiler } from 'node:inspector'

/** One function on the stack, with what it called. Times in microseconds. */
export interface Frame {
  readonly name: string
  /** Where it stands, as people know the file. */
  readonly file: string
  readonly self: number
  readonly total: number
  readonly children: readonly Frame[]
}

/** What V8 calls the time in which there was nothing to do. */
const IDLE = '(idle)'
const NATIVE_NAMES: Record<string, string> = {
  '(program)': 'system calls and native code outside of calls',
  '(garbage collector)': 'garbage collection',
}

/** Source of a compiled file, path in a package, or module of Node. */
function fileOf(url: string): string {
  const inPackage = url.lastIndexOf('/node_modules/')
  if (inPackage >= 0) return url.slice(inPackage + '/node_modules/'.length)
  const compiled = url.indexOf('/build/src/')
  return compiled >= 0 ? url.slice(compiled + '/build/'.length).replace(/\.js$/, '.ts') : url
}

/** The call tree of a profile without the idle time. */
export function frameTree({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Frame {
  const selfTimes = new Map<number, number>()
  samples.forEach((id, i) => {
    selfTimes.set(id, (selfTimes.get(id) ?? 0) + (timeDeltas[i] ?? 0))
  })
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const build = (id: number): Frame => {
    const { callFrame, children = [] } = byId.get(id) as Profiler.ProfileNode
    const { functionName, url } = callFrame
    const frames = children.filter((child) => byId.get(child)?.callFrame.functionName !== IDLE).map(build)
    const self = selfTimes.get(id) ?? 0
    return {
      name: NATIVE_NAMES[functionName] ?? (functionName || '(anonymous)'),
      file: fileOf(url),
      self,
      total: self + frames.reduce((sum, frame) => sum + frame.total, 0),
      children: frames.toSorted((a, b) => b.total - a.total),
    }
  }
  return build((nodes[0] as Profiler.ProfileNode).id)
}

/** A function and its share of the busy time, without what it calls, 0 to 1. */
export interface Share {
  readonly name: string
  readonly file: string
  readonly share: number
}

/** The functions that take the most time themselves, wherever they are called from. */
export function topFunctions(tree: Frame, count: number): Share[] {
  const totals = new Map<string, { name: string; file: string; self: number }>()
  const visit = ({ name, file, self, children }: Frame): void => {
    const key = `${name}\n${file}`
    const sum = totals.get(key) ?? { name, file, self: 0 }
    sum.self += self
    totals.set(key, sum)
    children.forEach(visit)
  }
  visit(tree)
  return [...totals.values()]
    .toSorted((a, b) => b.self - a.self)
    .slice(0, count)
    .map(({ name, file, self }) => ({ name, file, share: self / tree.total }))
}

/** Them as a Markdown table. */
export function renderShares(shares: readonly Share[]): string {
  const lines = shares.map(
    ({ name, file, share }, i) => `| ${i + 1} | \`${name}\` | ${file || '-'} | ${(share * 100).toFixed(1)} % |`,
  )
  return `| | function | where | share of the relay's busy time |\n| --- | --- | --- | --- |\n${lines.join('\n')}`
}

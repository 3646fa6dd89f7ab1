import fs, { type PathLike } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

// Loaded into a relay before the relay itself: tells the test which files it opens to write, wherever they are.

/** What tells of a file. */
export interface OpenedFile {
  readonly opened: string
}

type Call = (path: PathLike, ...rest: unknown[]) => unknown

const WRITERS = ['writeFile', 'writeFileSync', 'appendFile', 'appendFileSync', 'createWriteStream'] as const
/** The second argument of these says whether it is to be written. */
const OPENERS = ['open', 'openSync'] as const

function tell(path: PathLike): void {
  const message: OpenedFile = { opened: resolve(path instanceof URL ? fileURLToPath(path) : String(path)) }
  process.send?.(message)
}

/** Has the functions of a module tell of the path that they are given. */
function watch(module: object, names: readonly string[], isTold: (flags: unknown) => boolean): void {
  const calls = module as Record<string, Call | undefined>
  for (const name of names) {
    const call = calls[name]
    if (call === undefined) continue
    calls[name] = (path, ...rest) => {
      if (typeof path !== 'number' && isTold(rest[0])) tell(path)
      return call.call(module, path, ...rest)
    }
  }
}

const { O_WRONLY, O_RDWR } = fs.constants
const isToWrite = (flags: unknown) =>
  typeof flags === 'string' ? flags !== 'r' : typeof flags === 'number' && (flags & (O_WRONLY | O_RDWR)) !== 0

for (const module of [fs, fs.promises]) {
  watch(module, WRITERS, () => true)
  watch(module, OPENERS, isToWrite)
}
syncBuiltinESMExports()
// Being told of is no reason to live on.
process.channel?.unref()

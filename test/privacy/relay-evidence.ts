import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { request } from '../conformance/http.ts'
import type { Evidence } from './evidence.ts'
import type { RelayProcess } from './relay-process.ts'
import type { Surface } from './surfaces.ts'

/** What is in a file; nothing where it is none, or is gone. */
function contentsOf(path: string): Buffer {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path) : Buffer.alloc(0)
}

/** Every file in the folders of a relay, and those elsewhere that it opened to write. */
function filesOf({ folder, openedFiles }: RelayProcess): [path: string, bytes: Buffer][] {
  const own = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  const elsewhere = openedFiles().filter((path) => !/^\/(proc|dev)\//.test(path) || path.startsWith('/dev/shm/'))
  return [...new Set([...own, ...elsewhere])].map((path) => [path, contentsOf(path)])
}

/** What a process has open: where it leads, and the contents of what is a file, also of one that was deleted. */
function openFiles(pid: number): [target: string, bytes: Buffer][] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((number): [string, Buffer][] => {
    try {
      const path = join(folder, number)
      return [[readlinkSync(path), contentsOf(path)]]
    } catch {
      return [] // closed meanwhile
    }
  })
}

/** Takes what can be seen of a process while it runs. */
export function collectProcess(evidence: Evidence, relay: RelayProcess, environment: Surface, when: string): void {
  const { name, pid } = relay
  for (const [target, bytes] of openFiles(pid)) {
    evidence.add('files open', Buffer.concat([Buffer.from(`${target}\n`), bytes]), `${name}, ${when}: ${target}`)
  }
  evidence.add('command line', readFileSync(`/proc/${pid}/cmdline`), `${name}, ${when}`)
  evidence.add(environment, readFileSync(`/proc/${pid}/environ`), `${name}, ${when}`)
}

/** Takes what it wrote, at any time also after its end. */
export function collectWritten(evidence: Evidence, relay: RelayProcess, when: string): void {
  const { name } = relay
  evidence.add('standard output', relay.stdout(), `${name}, ${when}`)
  evidence.add('standard error (log)', relay.stderr(), `${name}, ${when}`)
  for (const [file, bytes] of filesOf(relay)) {
    evidence.add('files written', Buffer.concat([Buffer.from(`${file}\n`), bytes]), `${name}, ${when}: ${file}`)
  }
}

/** Everything of an answer. */
async function answerOf(url: string, path: string): Promise<Buffer> {
  const { status, rawHeaders, body } = await request({ url }, path)
  return Buffer.concat([Buffer.from(`${status} ${rawHeaders.join(' ')}\n`), body])
}

/** Takes what anybody, and what an operator, can ask of it. */
export async function collectAnswers(evidence: Evidence, relay: RelayProcess, when: string): Promise<void> {
  for (const path of ['/metrics', '/livez', '/readyz', '/nothing?here']) {
    evidence.add('/metrics, /livez, /readyz', await answerOf(relay.adminUrl, path), `${relay.name}${path}, ${when}`)
  }
  evidence.add('/v1/info', await answerOf(relay.origin, '/v1/info'), `${relay.name}, ${when}`)
  evidence.add('page at /', await answerOf(relay.origin, '/'), `${relay.name}, ${when}`)
}

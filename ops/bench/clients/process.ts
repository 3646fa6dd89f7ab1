import type { Crowd, Storm } from './crowd.ts'
import type { Batch, Flow, FlowOptions } from './fleet.ts'
import { Fleet } from './fleet.ts'
import type { Target } from './protocol.ts'

/** What the process with the clients can be told to do. */
export interface ClientCommands {
  prepare(target: Target): Promise<void>
  openRecipients(): Promise<void>
  closeRecipients(): Promise<void>
  flow(options: FlowOptions): Promise<Flow>
  store(options: { count: number; pids: number[] }): Promise<Batch>
  drain(options: { count: number; pids: number[] }): Promise<Batch>
  hold(options: { count: number; kind: 'mailbox' | 'idle' }): Promise<void>
  release(): Promise<void>
  storm(): Promise<Storm>
  close(): Promise<void>
}

export interface Call {
  name: keyof ClientCommands
  argument: unknown
}

export type Answer = { value: unknown } | { error: string }

let fleet: Fleet | undefined
let crowd: Crowd | undefined

function current(): Fleet {
  if (!fleet) throw new Error('there are no clients yet')
  return fleet
}

/** The recipients of the fleet's mailboxes, where they come as a crowd. */
function currentCrowd(): Crowd {
  crowd ??= current().crowd()
  return crowd
}

const commands: ClientCommands = {
  async prepare(target) {
    fleet = new Fleet(target)
    await fleet.prepare()
  },
  openRecipients: () => current().openRecipients(),
  closeRecipients: () => current().closeRecipients(),
  flow: (options) => current().flow(options),
  store: (options) => current().store(options),
  drain: (options) => current().drain(options),
  hold: (options) => currentCrowd().hold(options),
  release: async () => await crowd?.release(),
  storm: () => currentCrowd().storm(),
  async close() {
    await crowd?.release()
    crowd = undefined
    await fleet?.close()
    fleet = undefined
  },
}

function answer(message: Answer): void {
  process.send?.(message)
}

/** The clients of a benchmark live in a process of their own, on a processor of their own. */
process.on('message', ({ name, argument }: Call) => {
  const command = commands[name] as (argument: unknown) => Promise<unknown>
  command(argument).then(
    (value) => answer({ value }),
    (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.on('disconnect', () => process.exit())

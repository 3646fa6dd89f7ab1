import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit } from '../../test/_util/child-process.ts'
import type { Answer, ClientCommands } from './clients/process.ts'
import { CLIENT_PROCESSOR, pin } from './processes.ts'

const SCRIPT = fileURLToPath(new URL('./clients/process.js', import.meta.url))

/** The process with the clients, as this one sees it. One call at a time. */
export type Clients = ClientCommands & { stop(): Promise<void> }

async function call(
  child: ChildProcess,
  ended: Promise<never>,
  name: keyof ClientCommands,
  argument?: unknown,
): Promise<unknown> {
  const answered = once(child, 'message') as Promise<[Answer]>
  child.send({ name, argument })
  const [answer] = await Promise.race([answered, ended])
  if ('error' in answer) throw new Error(`clients, ${name}: ${answer.error}`)
  return answer.value
}

/** Starts the process with the clients. The caller stops it. */
export function startClients(): Clients {
  const child = fork(SCRIPT, { execArgv: [] })
  killOnExit(child)
  pin(child.pid as number, CLIENT_PROCESSOR)
  const ended = exited(child).then((code): never => {
    throw new Error(`the clients ended (${code})`)
  })
  ended.catch(() => {})
  const command =
    <K extends keyof ClientCommands>(name: K) =>
    (argument?: unknown) =>
      call(child, ended, name, argument) as ReturnType<ClientCommands[K]>
  return {
    prepare: command('prepare'),
    openRecipients: command('openRecipients'),
    closeRecipients: command('closeRecipients'),
    flow: command('flow'),
    store: command('store'),
    drain: command('drain'),
    hold: command('hold'),
    release: command('release'),
    storm: command('storm'),
    close: command('close'),
    async stop() {
      child.disconnect()
      await exited(child)
    },
  }
}

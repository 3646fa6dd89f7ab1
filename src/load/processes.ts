import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LedgerCommand, LedgerMessage, WorkerCommand, WorkerMessage } from './messages.ts'

/** A child process with a channel in both directions. */
export interface Channel<Command, Message> {
  readonly pid: number
  send(command: Command): void
  /** One listener. */
  onMessage(listener: (message: Message) => void): void
  /** When it has ended, whatever the reason. */
  readonly ended: Promise<void>
  kill(): void
}

function start<Command, Message>(file: string, launcher: readonly string[]): Channel<Command, Message> {
  const [command = process.execPath, ...args] = [
    ...launcher,
    process.execPath,
    fileURLToPath(new URL(file, import.meta.url)),
  ]
  const child: ChildProcess = spawn(command, args, {
    env: {},
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  child.on('error', () => undefined)
  return {
    pid: child.pid ?? 0,
    send: (message) => {
      if (child.connected) child.send(message as object, () => undefined)
    },
    onMessage: (listener) => child.on('message', (message) => listener(message as Message)),
    ended,
    kill: () => child.kill('SIGKILL'),
  }
}

/** @param launcher a command that starts the process given after it: `['ip', 'netns', 'exec', 'name']` */
export function startWorker(launcher: readonly string[] = []): Channel<WorkerCommand, WorkerMessage> {
  return start('./worker-main.js', launcher)
}

/** The process that the ledger lives in. */
export function startLedger(launcher: readonly string[] = []): Channel<LedgerCommand, LedgerMessage> {
  return start('./ledger-main.js', launcher)
}

import type { WorkerCommand, WorkerMessage } from './messages.ts'
import { Worker } from './worker.ts'

/** The process that a worker is. */
let worker: Worker | undefined

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message)
}

process.on('message', (command: WorkerCommand) => {
  if (command.kind === 'setup') worker = new Worker(command.setup, tell)
  else worker?.take(command)
})
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches all processes of a terminal; who ends when is the run's to say.
process.on('SIGINT', () => undefined)

import type { ChildProcess } from 'node:child_process'

const running = new Set<ChildProcess>()
let hooked = false

/**
 * Has a child die with the test process: whatever still runs when this process exits is killed by its pid. A test
 * process that is itself killed cannot do that; the runner ends the whole process group after the run.
 */
export function killOnExit(child: ChildProcess): void {
  if (!hooked) {
    hooked = true
    process.on('exit', () => {
      for (const left of running) left.kill('SIGKILL')
    })
  }
  running.add(child)
  child.once('exit', () => running.delete(child))
}

/** What a finished process leaves: its exit code, or null where a signal ended it. */
export type ExitCode = number | null

/** Resolves with the exit code when the child has ended, at once where it already has. */
export function exited(child: ChildProcess): Promise<ExitCode> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

/** Sends SIGTERM, after `graceMs` milliseconds SIGKILL, and resolves with the exit code when the child has ended. */
export async function terminate(child: ChildProcess, graceMs: number): Promise<ExitCode> {
  const ended = exited(child)
  child.kill('SIGTERM')
  const lastResort = setTimeout(() => child.kill('SIGKILL'), graceMs)
  try {
    return await ended
  } finally {
    clearTimeout(lastResort)
  }
}

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Which processor servers and stores have, and which the clients have. */
export const SERVER_PROCESSOR = 0
export const CLIENT_PROCESSOR = 1

/** Whether servers and clients can have a processor each. */
export const canPin = availableParallelism() > 1

/** Keeps every thread of a process on one processor. */
export function pin(pid: number, processor: number): void {
  if (canPin) execFileSync('taskset', ['-acp', String(processor), String(pid)], { stdio: 'ignore' })
}

/** Command line that starts a program on the servers' processor: what counts processors when it starts finds one. */
export function pinnedCommand(program: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(SERVER_PROCESSOR), program, ...args]] : [program, [...args]]
}

/** CPU time a process has used with all its threads, in microseconds, as the kernel accounts it. */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    } catch {
      // the thread has ended meanwhile
    }
  }
  return nanoseconds / 1_000
}

/** Memory of a process that is in RAM, in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(line?.[1] ?? 0) * 1024
}

/** Bytes of RAM that processes can still have. */
export function availableBytes(): number {
  const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))
  return Number(line?.[1] ?? 0) * 1024
}

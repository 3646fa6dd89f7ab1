import { cpuMicroseconds, residentBytes } from '../processes.ts'

/** What servers used while something was measured; one entry for each process, in the order they were given. */
export interface Reading {
  seconds: number
  cpuMicroseconds: number[]
  residentBytes: number[]
  /** Share of the time that the clients' process was busy, 0 to 1. */
  clientBusy: number
}

/** Begins to measure processes. @returns a function that ends it */
export function startMeter(pids: readonly number[]): () => Reading {
  const client = process.cpuUsage()
  const before = pids.map(cpuMicroseconds)
  const startedMs = performance.now()
  return () => {
    const after = pids.map(cpuMicroseconds)
    const seconds = (performance.now() - startedMs) / 1_000
    const { user, system } = process.cpuUsage(client)
    return {
      seconds,
      cpuMicroseconds: after.map((value, i) => value - (before[i] as number)),
      residentBytes: pids.map(residentBytes),
      clientBusy: (user + system) / 1e6 / seconds,
    }
  }
}

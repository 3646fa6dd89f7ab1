import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit } from '../_util/child-process.ts'
import type { Orders } from './attacker-main.ts'
import type { Counts } from './bots.ts'

const MAIN = fileURLToPath(new URL('attacker-main.js', import.meta.url))

/** A process that attacks. */
export interface Attacker {
  /** What it has counted so far. */
  counts(): Counts
  /** Ends it, and gives all that it counted. */
  stop(): Promise<Counts>
}

export function startAttacker(orders: Orders): Attacker {
  const command = ['-u', 'NODE_OPTIONS', process.execPath, MAIN, JSON.stringify(orders)]
  const child = spawn('env', command, { stdio: ['pipe', 'pipe', 'inherit'] })
  killOnExit(child)
  let counts: Counts = {}
  createInterface(child.stdout).on('line', (line) => {
    counts = JSON.parse(line)
  })
  return {
    counts: () => counts,
    async stop() {
      child.stdin.end()
      const code = await exited(child)
      if (code !== 0) throw new Error(`the attacker ended with ${code}`)
      return counts
    },
  }
}

import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NotHereError } from '../frame/not-here.ts'
import type { Scope } from '../frame/scope.ts'

const SOURCE = fileURLToPath(new URL('../../../../test/faults/stores/shifted-clock.c', import.meta.url))

/** The time of day of some processes. */
export interface ShiftedClock {
  /** With this in its environment a process has this clock. */
  readonly env: Readonly<Record<string, string>>
  /** From now on it is so many seconds ahead of the right time; below 0, behind it. */
  shift(seconds: number): void
}

/** Clocks that are right until they are shifted. Needs gcc. @throws NotHereError */
export function openClocks<Name extends string>(scope: Scope, names: readonly Name[]): Record<Name, ShiftedClock> {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-clock-'))
  scope.defer(() => rmSync(folder, { recursive: true, force: true }))
  const library = join(folder, 'shifted-clock.so')
  try {
    execFileSync('gcc', ['-Wall', '-Werror', '-O2', '-shared', '-fPIC', '-o', library, SOURCE], { stdio: 'pipe' })
  } catch (error) {
    throw new NotHereError('clocks cannot be shifted, gcc compiles nothing', error)
  }
  const clocks = names.map((name) => [name, openClock(scope, library, join(folder, name))])
  return Object.fromEntries(clocks) as Record<Name, ShiftedClock>
}

function openClock(scope: Scope, library: string, path: string): ShiftedClock {
  const file = openSync(path, 'w')
  scope.defer(() => closeSync(file))
  const shift = (seconds: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(seconds))
    writeSync(file, bytes, 0, bytes.length, 0)
  }
  shift(0)
  return { env: { LD_PRELOAD: library, SHIFTED_CLOCK_FILE: path }, shift }
}

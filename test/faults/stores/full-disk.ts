import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NotHereError } from '../frame/not-here.ts'
import type { Scope } from '../frame/scope.ts'

const DISK_BYTES = 16_384

/** A disk of a few pages, for a log. */
export interface TinyDisk {
  readonly logFile: string
  /** From now on not a byte more can be written. */
  fill(): void
  /** There is room again. */
  clear(): void
}

/** Needs root. @throws NotHereError */
export function mountTinyDisk(scope: Scope): TinyDisk {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-disk-'))
  scope.defer(() => rmSync(folder, { recursive: true, force: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch (error) {
    throw new NotHereError('no disk can be mounted', error)
  }
  scope.defer(() => execFileSync('umount', [folder]))
  const [logFile, filling] = [join(folder, 'log'), join(folder, 'filling')]
  return {
    logFile,
    fill: () => {
      // The log has a page of its own, of which a part is free.
      for (const file of [filling, logFile]) fillUp(file)
    },
    clear: () => rmSync(filling),
  }
}

function fillUp(file: string): void {
  try {
    appendFileSync(file, Buffer.alloc(DISK_BYTES))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

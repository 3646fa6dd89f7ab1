import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Where a file cannot be put in the place of another: it is mounted there, or its folder takes no new ones. */
const NOT_BY_RENAMING = new Set(['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS'])

/** `renamed`: at every moment the path held the old text or the new one; `in place`: a crash could have left neither. */
export type Replacement = 'renamed' | 'in place'

/** Whether this process may replace what a file holds. @throws NodeJS.ErrnoException */
export function checkReplaceable(path: string): void {
  accessSync(path, constants.R_OK | constants.W_OK)
}

/**
 * Puts another text into a file with a secret, under the same owner and mode, and writes random bytes over the old text
 * where that lay. What a file system or a drive copies by itself when it is written to, it keeps: nothing here can help
 * that.
 * @throws NodeJS.ErrnoException; the path then holds the old text, unless the file had to be written in place
 */
export function replaceSecretFile(path: string, text: string): Replacement {
  const place = realpathSync(path)
  const old = openSync(place, 'r+')
  try {
    const { size } = fstatSync(old)
    const isRenamed = tryToRename(place, old, text)
    writeAll(old, randomBytes(size))
    fsyncSync(old)
    if (isRenamed) return 'renamed'
    writeAll(old, Buffer.from(text))
    ftruncateSync(old, Buffer.byteLength(text))
    fsyncSync(old)
    return 'in place'
  } finally {
    closeSync(old)
  }
}

function tryToRename(place: string, old: number, text: string): boolean {
  const fresh = `${place}.${randomBytes(6).toString('hex')}`
  try {
    writeFresh(fresh, old, text)
    renameSync(fresh, place)
    syncFolder(dirname(place))
    return true
  } catch (error) {
    rmSync(fresh, { force: true })
    if (NOT_BY_RENAMING.has((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

function writeFresh(path: string, old: number, text: string): void {
  const { mode, uid, gid } = fstatSync(old)
  const descriptor = openSync(path, 'wx', 0o600)
  try {
    writeAll(descriptor, Buffer.from(text))
    fchownSync(descriptor, uid, gid)
    fchmodSync(descriptor, mode & 0o777)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, at)
}

/** Without it the new name could be lost with the power. */
function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { checkReplaceable, replaceSecretFile } from '../../src/config/replace-secret.ts'
import { type Test, test } from '../_util/tap.ts'

const NOBODY = 65_534
const OLD = `${randomBytes(32).toString('base64url')}\n`
const NEW = `${randomBytes(48).toString('base64url')}\n`

/** What is in an open file, whatever name it has now, if any. */
function bytesBehind(descriptor: number): Buffer {
  const bytes = Buffer.alloc(4096)
  return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0))
}

function secretFile(t: Test): { folder: string; path: string; old: number } {
  const folder = t.testdir({ secret: OLD })
  const path = join(folder, 'secret')
  const old = openSync(path, 'r')
  t.teardown(() => closeSync(old))
  return { folder, path, old }
}

test('a secret is replaced by renaming, under the same mode, and what lay there is written over', async (t) => {
  const { folder, path, old } = secretFile(t)
  const { ino, mode, uid, gid } = statSync(path)
  t.equal(replaceSecretFile(path, NEW), 'renamed')
  t.equal(readFileSync(path, 'utf8'), NEW)
  const after = statSync(path)
  t.not(after.ino, ino, 'another file, so that at no moment there was none')
  t.same([after.mode, after.uid, after.gid], [mode, uid, gid])
  const left = bytesBehind(old)
  t.equal(left.length, OLD.length, 'this test still has the old one open')
  for (let at = 0; at + 8 <= OLD.length; at++) t.notOk(left.includes(OLD.slice(at, at + 8)), 'nothing of it is left')
  t.same(readdirSync(folder), ['secret'], 'and nothing is left beside it')
})

test('where the folder takes no new file, the secret is written over in place', async (t) => {
  const folder = mkdtempSync('/dev/shm/lethe-secret-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'secret')
  writeFileSync(path, OLD)
  const isRoot = process.geteuid?.() === 0
  if (isRoot) chownSync(path, NOBODY, NOBODY)
  chmodSync(folder, 0o555)
  const { ino } = statSync(path)
  if (isRoot) process.seteuid?.(NOBODY)
  try {
    t.equal(replaceSecretFile(path, `${NEW.slice(0, 20)}\n`), 'in place')
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
  t.equal(statSync(path).ino, ino)
  t.equal(readFileSync(path, 'utf8'), `${NEW.slice(0, 20)}\n`, 'and nothing of the longer old one behind it')
  chmodSync(folder, 0o755)
})

test('a file that others know by a link is replaced behind the link', async (t) => {
  const { folder, path } = secretFile(t)
  mkdirSync(join(folder, 'run'))
  const link = join(folder, 'run', 'secret')
  symlinkSync(path, link)
  replaceSecretFile(link, '')
  t.equal(readFileSync(path, 'utf8'), '')
  t.same([readdirSync(folder), readdirSync(join(folder, 'run'))], [['run', 'secret'], ['secret']])
})

test('a file that is not there cannot be replaced, and none is made', async (t) => {
  const folder = t.testdir({})
  t.throws(() => checkReplaceable(join(folder, 'secret')), { code: 'ENOENT' })
  t.throws(() => replaceSecretFile(join(folder, 'secret'), NEW), { code: 'ENOENT' })
  t.same(readdirSync(folder), [])
  writeFileSync(join(folder, 'secret'), OLD)
  t.doesNotThrow(() => checkReplaceable(join(folder, 'secret')))
})

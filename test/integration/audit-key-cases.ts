import { SEAL_BYTES } from '../../src/mailbox/sealing.ts'
import { expiryOf } from '../../src/protocol/retention.ts'
import type { GuardedRedis } from '../_util/guarded-redis.ts'
import type { Test } from '../_util/tap.ts'
import { type AuditCase, type AuditWorld, added, auditFindings, type Env, envOf } from './audit-setup.ts'

const HOUR = 2
const KEY = 'lethe1:{abc}:AAAAAAAAAAAAAAAAAAAAAA'
const SEALED = `string.rep('x', ${4000 + SEAL_BYTES})`
const ADD = `redis.call('XADD', KEYS[1], '0-5', 'e', ${SEALED})`
const EXPIRE = `redis.call('EXPIREAT', KEYS[1], ARGV[1])`

/** For each rule about keys, one that breaks it and no other. The script is given the end of a slot an hour from now. */
export const KEY_CASES = {
  'key-name': key(`${ADD} ${EXPIRE}`, { name: 'lethe1:{abc}:too-short' }),
  'key-type': key(`redis.call('SET', KEYS[1], 'x', 'EXAT', ARGV[1])`),
  'key-expiry': key(ADD),
  'key-lifetime': key(`${ADD} redis.call('EXPIREAT', KEYS[1], ARGV[1] + 604800)`),
  'key-slot': key(`${ADD} redis.call('EXPIREAT', KEYS[1], ARGV[1] - 7)`),
  'stream-id': key(`redis.call('XADD', KEYS[1], '*', 'e', ${SEALED}) ${EXPIRE}`),
  'stream-group': key(`${ADD} ${EXPIRE} redis.call('XGROUP', 'CREATE', KEYS[1], 'g', '0')`),
  'entry-form': key(`${ADD} redis.call('XADD', KEYS[1], '0-6', 'e', ${SEALED}, 'at', '1') ${EXPIRE}`),
  'entry-size': key(`redis.call('XADD', KEYS[1], '0-5', 'e', string.rep('x', 4000)) ${EXPIRE}`),
  'bucket-cap': key(`for i = 1, 100 do redis.call('XADD', KEYS[1], '0-*', 'e', ${SEALED}) end ${EXPIRE}`, {
    env: { LETHE_BUCKET_BYTES: '396000' },
  }),
} as const satisfies Record<string, AuditCase>

/** A bucket as relays make them. */
export const GOOD_BUCKET = `for i = 1, 100 do redis.call('XADD', KEYS[1], '0-*', 'e', ${SEALED}) end ${EXPIRE}`

/** Runs a script that makes a key. */
export async function makeKey(redis: GuardedRedis, script: string, name = KEY): Promise<void> {
  const now = Number((await redis.admin('TIME')).split('\n')[0])
  await redis.admin('EVAL', script, '1', name, String(expiryOf(now, HOUR)))
}

function key(script: string, { name = KEY, env = {} }: { name?: string; env?: Env } = {}): AuditCase {
  return async (_t: Test, { redis, before }: AuditWorld) => {
    await makeKey(redis, script, name)
    const after = await auditFindings(envOf(redis, env))
    await redis.admin('DEL', name)
    return added(before, after)
  }
}

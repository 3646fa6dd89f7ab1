import { readFileSync } from 'node:fs'
import type { RedisServer } from '../_util/redis.ts'

const USERS = new URL('../../../deploy/redis/users.acl', import.meta.url)

/**
 * Gives a node the users of deploy/redis/users.acl, each with the password, and one more, `admin`, who may do everything.
 * From then on nobody gets in without it.
 */
export async function restrict(node: RedisServer, password: string): Promise<void> {
  await node.cli('CONFIG', 'SET', 'masteruser', 'replica', 'masterauth', password)
  await node.cli('ACL', 'SETUSER', 'admin', 'on', `>${password}`, '~*', '&*', '+@all')
  const lines = readFileSync(USERS, 'utf8').trim().split('\n').reverse()
  for (const [, user = '', ...rules] of lines.map((line) => line.split(' '))) {
    await node.cli('ACL', 'SETUSER', user, ...rules, ...(user === 'default' ? [] : [`>${password}`]))
  }
}

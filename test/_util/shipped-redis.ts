import { readFileSync } from 'node:fs'

const CONFIGURATION = new URL('../../../deploy/redis/redis.conf', import.meta.url)

/** Every setting of deploy/redis/redis.conf as it is written there, in its order. */
export function shippedSettings(): [name: string, value: string][] {
  return readFileSync(CONFIGURATION, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, string] => {
      const at = line.indexOf(' ')
      const value = line.slice(at + 1)
      return [line.slice(0, at), value === '""' ? '' : value]
    })
}

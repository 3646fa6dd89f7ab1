/** Commands that a relay sends, or its scripts run. `deploy/redis/users.acl` allows them. */
export const RELAY_COMMANDS = [
  'ping',
  'info',
  'time',
  'exists',
  'eval',
  'evalsha',
  'xlen',
  'xadd',
  'xrange',
  'xdel',
  'xinfo|stream',
  'expireat',
  'del',
  'scan',
  'touch',
  'object|idletime',
  'spublish',
  'ssubscribe',
  'sunsubscribe',
  'wait',
] as const

/** Further ones that it sends where it is told of replicas or a cluster, or of a database other than 0. */
export const TOPOLOGY_COMMANDS = ['asking', 'cluster|info', 'cluster|slots', 'readonly', 'readwrite'] as const

/** Further ones by which it judges whether a node is safe, and `lethe audit` whether the whole store is. They change nothing. */
export const AUDIT_COMMANDS = [
  'acl|dryrun',
  'acl|log',
  'acl|whoami',
  'client|list',
  'cluster|nodes',
  'command|info',
  'config|get',
  'latency|latest',
  'pexpiretime',
  'slowlog|len',
  'type',
] as const

/** All that `lethe shred` sends. `deploy/redis/users.acl` allows them to the user `shred`. */
export const SHRED_COMMANDS = [
  'acl|dryrun',
  'acl|log',
  'acl|whoami',
  'client|id',
  'client|list',
  'cluster|nodes',
  'config|get',
  'del',
  'expire',
  'flushall',
  'info',
  'latency|latest',
  'latency|reset',
  'memory|purge',
  'slowlog|len',
  'slowlog|reset',
  'xadd',
] as const

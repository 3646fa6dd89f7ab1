/** Why Redis did not do what it was asked, as a closed set: all that may be logged or counted. */
export type StoreFault =
  | 'version'
  | 'unsafe'
  | 'clock'
  | 'connection'
  | 'memory'
  | 'permission'
  | 'replicas'
  | 'read-only'
  | 'busy'
  | 'command'

const BY_PREFIX: Record<string, StoreFault> = {
  OOM: 'memory',
  NOPERM: 'permission',
  NOAUTH: 'permission',
  WRONGPASS: 'permission',
  NOREPLICAS: 'replicas',
  READONLY: 'read-only',
  MISCONF: 'read-only',
  LOADING: 'busy',
  BUSY: 'busy',
  MASTERDOWN: 'connection',
  CLUSTERDOWN: 'connection',
  TRYAGAIN: 'connection',
  MOVED: 'connection',
  ASK: 'connection',
}

/** What an error of ioredis comes to. The error itself must not be kept: it carries the command's arguments. */
export function faultOf(error: unknown): StoreFault {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return 'connection'
  const [prefix = ''] = error.message.split(' ', 1)
  return BY_PREFIX[prefix] ?? 'command'
}

/** Reply errors that say the command was not carried out and may be sent again, perhaps elsewhere. */
export type Redirection =
  | { readonly kind: 'unknown-script' }
  | { readonly kind: 'ask'; readonly node: string }
  | { readonly kind: 'again' }

export function redirectionOf(error: Error): Redirection | undefined {
  const [prefix, , node] = error.message.split(' ')
  if (prefix === 'NOSCRIPT') return { kind: 'unknown-script' }
  if (prefix === 'ASK' && node !== undefined) return { kind: 'ask', node }
  if (prefix === 'MOVED' || prefix === 'TRYAGAIN' || prefix === 'CLUSTERDOWN' || prefix === 'LOADING') {
    return { kind: 'again' }
  }
  return undefined
}

import crypto, { type Hmac } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { inspect } from 'node:util'

// Loaded into a relay before the relay itself: from then on whatever computes an HMAC fails, as a broken library might,
// with an error that holds the key and the data in every place where an error can hold them.

class HmacError extends Error {
  readonly key: unknown
  readonly data: readonly unknown[]

  constructor(key: unknown, data: readonly unknown[]) {
    // The last line of it looks like one of the stack.
    super(`cannot digest ${inspect(data)} ${data} under ${inspect(key)}\n    at ${describe(data.at(-1))}.js:1:1`)
    this.name = `HmacError of ${describe(key)}`
    this.key = key
    this.data = data
    this.cause = new Error(data.map(describe).join(' '))
  }
}

function describe(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64url') : String(value)
}

function failingHmac(_algorithm: string, key: unknown): Hmac {
  const data: unknown[] = []
  const hmac = {
    update: (piece: unknown) => {
      data.push(piece)
      return hmac
    },
    digest: () => {
      throw new HmacError(key, data)
    },
  }
  return hmac as unknown as Hmac
}

crypto.createHmac = failingHmac as typeof crypto.createHmac
syncBuiltinESMExports()

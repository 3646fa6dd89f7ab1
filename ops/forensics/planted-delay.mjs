/**
 * Loaded into a relay before it starts (`node --import`): makes it busy for a while with each deposit to an address
 * whose first byte is odd. That is what the timing test must find.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

const DELAY_MS = Number(process.env.PLANTED_DELAY_MICROSECONDS) / 1000
const ADDRESS_BYTES = 32

const createHmac = crypto.createHmac
crypto.createHmac = (...args) => {
  const hmac = createHmac(...args)
  const update = hmac.update.bind(hmac)
  hmac.update = (data, ...encoding) => {
    if (data.length === ADDRESS_BYTES && data[0] % 2 === 1) {
      const end = performance.now() + DELAY_MS
      while (performance.now() < end);
    }
    return update(data, ...encoding)
  }
  return hmac
}
syncBuiltinESMExports()

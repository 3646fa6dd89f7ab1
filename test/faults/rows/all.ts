import type { AnyFault } from '../frame/fault.ts'
import { killAllRelays, killOneRelay, stopRelay } from './relays.ts'

/** Every row, in the order of the table. The name is what `npm run test:faults` takes. */
export const FAULTS: Readonly<Record<string, AnyFault>> = {
  'kill-relay': killOneRelay,
  'kill-relays': killAllRelays,
  'stop-relay': stopRelay,
}

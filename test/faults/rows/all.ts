import type { AnyFault } from '../frame/fault.ts'
import { CLOCKS } from './clocks.ts'
import { MACHINE } from './machine.ts'
import { killMasterOfCluster, killSentinelMaster, restartMasterOfCluster, restartSentinelMaster } from './masters.ts'
import { PARTITIONS } from './partitions.ts'
import { emptyRedis, fullRedis, stopRedis } from './redis.ts'
import { killAllRelays, killOneRelay, stopRelay } from './relays.ts'
import { rollingRestart } from './rolling.ts'
import { slowClients } from './slow.ts'

/** Every row, in the order of the table. The name is what `npm run test:faults` takes. */
export const FAULTS: Readonly<Record<string, AnyFault>> = {
  'kill-relay': killOneRelay,
  'kill-relays': killAllRelays,
  'stop-relay': stopRelay,
  'stop-redis': stopRedis,
  'sentinel-kill': killSentinelMaster,
  'sentinel-restart': restartSentinelMaster,
  'cluster-kill': killMasterOfCluster,
  'cluster-restart': restartMasterOfCluster,
  'full-redis': fullRedis,
  'empty-redis': emptyRedis,
  'rolling-restart': rollingRestart,
  ...PARTITIONS,
  ...CLOCKS,
  ...MACHINE,
  'slow-clients': slowClients(1_000),
}

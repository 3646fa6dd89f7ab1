import { defineFault } from '../frame/fault.ts'

import { openPair } from '../stores/pair.ts'

export const rollingRestart = defineFault({
  name: 'rolling restart of two instances',
  rounds: 5,
  bug: 'answers early',
  since: 'the last instance is back',
  openStore: openPair,
  async strike({ fleet }) {
    for (const relay of fleet.relays) {
      await relay.stop()
      await relay.start()
    }
    return performance.now()
  },
  complaints: ({ refusals, account, connections: { ends, failures } }) => [
    ...Object.entries(refusals).map(([code, count]) => `${count} refused with ${code}`),
    ...Object.entries(ends).flatMap(([end, count]) => (end === '1001' ? [] : [`${count} connections ended: ${end}`])),
    ...(failures > 0 ? [`${failures} connections could not be made`] : []),
    ...(account.unsure > 0 ? [`${account.unsure} deposits were not answered`] : []),
  ],
})

import { BEHAVIOURS, type BehaviourName } from './behaviours.ts'
import { Bots } from './bots.ts'

/** What an attacking process is told, as JSON in its first argument. */
export interface Orders {
  readonly behaviour: BehaviourName
  readonly port: number
  readonly from: string
  readonly connections: number
}

const TELL_MS = 100

/** Attacks until its standard input ends. Writes what it has counted so far, a line each time. */
const { behaviour, connections, ...target } = JSON.parse(process.argv[2] ?? '') as Orders
const bots = new Bots(target, BEHAVIOURS[behaviour])
bots.start(connections)
const tell = (done?: () => void) => process.stdout.write(`${JSON.stringify(bots.counts)}\n`, done)
setInterval(() => tell(), TELL_MS)
process.stdin.resume().once('end', () => {
  bots.stop()
  tell(() => process.exit())
})

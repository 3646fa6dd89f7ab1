import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadPlan } from '../../../src/load/plan.ts'
import type { Report } from '../../../src/load/report.ts'
import { type LoadRun, startLoad } from '../../../src/load/run.ts'
import type { Scope } from './scope.ts'

/** The test runner gets into every Node by its options, which makes each of these processes start much slower. */
const LAUNCHER = ['env', '-u', 'NODE_OPTIONS']
const PLAN = {
  rate: 120,
  senders: 8,
  recipients: 24,
  offlineShare: 0.25,
  ttls: [86_400],
  durationSeconds: 3_600,
  answerSeconds: 5,
  drainSeconds: 60,
} satisfies Partial<LoadPlan>

const LOOK_MS = 100
/** All must have been well for so long: longer than relays wait for a replica before they refuse what they took meanwhile. */
const WINDOW_MS = 1_500
/** Share of what is due that has to be accepted, and to arrive, meanwhile; what is due is drawn at random. */
const USUAL_SHARE = 0.75

/** What can be seen at one moment. */
interface Look {
  readonly atMs: number
  readonly accepted: number
  readonly delivered: number
  /** Refused, or given up. */
  readonly failed: number
  readonly unanswered: number
  /** Mailboxes of those who are online that something accepted has not come to. */
  readonly owed: ReadonlySet<number>
}

/** Traffic of `lethe load`, with its account of every envelope. Its processes are touched by no fault. */
export class Traffic {
  readonly #run: LoadRun
  readonly #rate: number
  readonly #away: number
  readonly #slowFrom: number
  readonly #owes: boolean

  private constructor(run: LoadRun, owes: boolean) {
    const { rate, recipients, offlineShare, slowShare } = run.plan
    this.#run = run
    this.#rate = rate
    this.#away = Math.round(offlineShare * recipients)
    this.#slowFrom = recipients - Math.round(slowShare * recipients)
    this.#owes = owes
  }

  /**
   * Resolves when everybody is connected and deposits flow.
   * @param owes whether all that is accepted is to arrive, and none may be gone
   */
  static async begin(scope: Scope, urls: readonly string[], plan: Partial<LoadPlan>, owes: boolean): Promise<Traffic> {
    const options = { workerLauncher: LAUNCHER, ledgerLauncher: LAUNCHER }
    const run = await startLoad({ ...PLAN, ...plan, urls }, options)
    scope.defer(() => run.stop().catch(() => undefined))
    await run.started()
    return new Traffic(run, owes)
  }

  /**
   * Milliseconds from `sinceMs` (by `performance.now`) until all is well: deposits are accepted as they are due and none is
   * refused, and all that was accepted reaches everybody who is online. Undefined where that takes too long.
   */
  async wellAfter(sinceMs: number, limitMs: number): Promise<number | undefined> {
    let looks: Look[] = []
    while (performance.now() - sinceMs < limitMs) {
      looks.push(await this.#look())
      if (this.#isWell(looks)) return Math.max(0, (looks[0] as Look).atMs - sinceMs)
      const oldestMs = performance.now() - WINDOW_MS - LOOK_MS
      looks = looks.filter(({ atMs }) => atMs >= oldestMs)
      await sleep(LOOK_MS)
    }
    return undefined
  }

  /** Has a part of the recipients lose their connections. */
  depart(share: number, awaySeconds: number): void {
    this.#run.depart(share, awaySeconds)
  }

  /** How much was accepted and has not arrived. */
  async outstanding(): Promise<number> {
    return (await this.#run.account()).outstanding
  }

  /** Ends the sending, has everybody read all that waits, and gives the account. */
  end(): Promise<Report> {
    return this.#run.stop()
  }

  async #look(): Promise<Look> {
    const { accepted, delivered, refused, unsure, unanswered } = await this.#run.account()
    const isReading = (mailbox: number) => mailbox >= this.#away && mailbox < this.#slowFrom
    const owed = this.#owes ? (await this.#run.owed()).filter(isReading) : []
    const failed = Object.values(refused).reduce((sum, count) => sum + count, unsure)
    return { atMs: performance.now(), accepted, delivered, failed, unanswered, owed: new Set(owed) }
  }

  #isWell(looks: readonly Look[]): boolean {
    const [first, last] = [looks[0], looks.at(-1)]
    if (first === undefined || last === undefined || last.atMs - first.atMs < WINDOW_MS) return false
    const due = (this.#rate * (last.atMs - first.atMs)) / 1_000
    const isAccepted = last.accepted - first.accepted >= due * USUAL_SHARE && last.unanswered < due
    const readers = (this.#slowFrom - this.#away) / this.#run.plan.recipients
    const isDelivered = last.delivered - first.delivered >= due * USUAL_SHARE * readers
    // Whoever was owed something all the time does not get it; one envelope on its way is not seen so often.
    const isOwed = [...first.owed].some((mailbox) => looks.every(({ owed }) => owed.has(mailbox)))
    return isAccepted && isDelivered && !isOwed && last.failed === first.failed
  }
}

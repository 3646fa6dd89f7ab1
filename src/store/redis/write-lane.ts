import type { Command, Redis } from 'ioredis'
import type { Bucket } from '../../mailbox/mailbox-store.ts'
import { CommandWriter } from './command-writer.ts'
import { faultOf, redirectionOf, type StoreFault } from './faults.ts'
import type { WakeBits } from './keys.ts'
import { SCRIPTS } from './scripts.ts'
import {
  addDeposit,
  type Call,
  createCall,
  type DepositWrite,
  dropDeposit,
  type EraseWrite,
  OUTCOME,
  SealError,
  settleStored,
  type Write,
  writeCall,
} from './write-batch.ts'

type Reply = [error: Error | null, result: unknown]

const NO_REPLY: Reply = [new Error('no reply'), undefined]

export interface LaneParts {
  /** Connection to this lane's node, or undefined while there is none. */
  connection(): Redis | undefined
  nowSeconds(): number
  /** The node has refused an expiry and said what time it has, in whole seconds. */
  correctClock(seconds: number): void
  /** Writes that were not carried out and belong on another node, or on this one again, in their order. */
  redirect(writes: readonly Write[], askNode: string | undefined): void
  onFault(fault: StoreFault): void
  onBatch(writes: number, tookMs: number): void
  /** Whether scripts for several partitions may share a call: not in a cluster. */
  canMixPartitions: boolean
  minReplicas: number
  wakeBits: WakeBits
}

const MAX_BATCH_WRITES = 1024
const MAX_BATCH_BYTES = 5_000_000
const REPLICA_TIMEOUT_MS = 1000
/** A node whose clock refuses an expiry this often is not one to wait for. */
const MAX_MISFITS = 4
/** A write that has not been sent for this long is refused. */
const MAX_QUEUED_MS = 2000
/** A write that a changing cluster sent from node to node for this long has failed. */
const MAX_RETRY_MS = 3000

/**
 * Everything that is written to one Redis node, in order: what one turn of the event loop asks for goes out as one batch,
 * and the next batch follows when this one is answered, so that batches grow with the load and retries keep their place.
 */
export class WriteLane {
  readonly #parts: LaneParts
  #queue: Write[] = []
  #isBusy = false
  #mustSendText = false
  readonly #commands = new CommandWriter()

  constructor(parts: LaneParts) {
    this.#parts = parts
  }

  add(write: Write): void {
    this.#queue.push(write)
    if (this.#queue.length === 1 && !this.#isBusy) setImmediate(this.flush)
  }

  /** Gives up what is queued for some partitions, in order. */
  take(partitions: ReadonlySet<number>): Write[] {
    const taken = this.#queue.filter(({ partition }) => partitions.has(partition))
    if (taken.length > 0) this.#queue = this.#queue.filter(({ partition }) => !partitions.has(partition))
    return taken
  }

  /** Sends writes here at once although their slot has not arrived yet. [Redis Cluster: ASK] */
  ask(writes: readonly Write[]): void {
    const queue = [...writes]
    while (queue.length > 0) {
      void this.#send(this.#takeCalls(queue), new CommandWriter(), true).then((repeated) => this.ask(repeated))
    }
  }

  /** Sends what is queued, unless a batch is under way. */
  readonly flush = (): void => {
    this.#refuseOld()
    if (this.#isBusy || this.#queue.length === 0) return
    this.#isBusy = true
    void this.#send(this.#takeCalls(this.#queue), this.#commands, false).then((repeated) => {
      this.#isBusy = false
      this.#queue.unshift(...repeated)
      this.flush()
    })
  }

  // Behind a node that is slow, or replicas that do not confirm, nobody waits for longer than a sender would.
  #refuseOld(): void {
    const oldestMs = performance.now() - MAX_QUEUED_MS
    const isOld = ({ sinceMs }: Write) => sinceMs < oldestMs
    if (!this.#queue[0] || !isOld(this.#queue[0])) return
    this.#rejectAll(this.#queue.filter(isOld), 'busy')
    this.#queue = this.#queue.filter((write) => !isOld(write))
  }

  /** Takes one batch off the queue. */
  #takeCalls(queue: Write[]): Call[] {
    const now = this.#parts.nowSeconds()
    const calls = new Map<string, Call>()
    let bytes = 0
    let count = 0
    while (count < Math.min(queue.length, MAX_BATCH_WRITES) && bytes < MAX_BATCH_BYTES) {
      const write = queue[count++] as Write
      const bucket = write.kind === 'deposit' ? this.#place(write, now) : write.erasure.bucket
      if (bucket === undefined) continue
      const name = this.#parts.canMixPartitions ? write.kind : `${write.kind} ${write.partition}`
      const call = calls.get(name) ?? createCall(write.kind)
      calls.set(name, call)
      if (write.kind === 'erase') call.writes.push(write)
      else {
        addDeposit(call, write, bucket)
        bytes += write.deposit.sealedBytes
      }
    }
    queue.splice(0, count)
    return [...calls.values()]
  }

  /** One that cannot be placed fails alone. */
  #place(write: DepositWrite, nowSeconds: number): Bucket | undefined {
    try {
      return write.deposit.place(nowSeconds)
    } catch {
      this.#rejectAll([write], 'command')
      return undefined
    }
  }

  /** @returns nothing where none of it could be sealed; whoever cannot be fails alone */
  #write(commands: CommandWriter, call: Call, mustSendText: boolean): Command | undefined {
    const { lua, sha } = SCRIPTS[call.script]
    const script = mustSendText ? (['eval', lua] as const) : (['evalsha', sha] as const)
    while (call.script === 'erase' || call.groups.length > 0) {
      try {
        return writeCall(commands, call, script, this.#parts.wakeBits)
      } catch (error) {
        if (!(error instanceof SealError)) throw error
        dropDeposit(call, error.write)
        this.#rejectAll([error.write], 'command')
      }
    }
    return undefined
  }

  /** Sends one batch and settles it. Never rejects. @returns what has to be sent again, before anything else */
  async #send(calls: readonly Call[], commands: CommandWriter, isAsking: boolean): Promise<Write[]> {
    const connection = this.#parts.connection()
    if (connection?.status !== 'ready') {
      for (const call of calls) this.#rejectAll(writesOf(call), 'connection')
      return []
    }
    const { minReplicas } = this.#parts
    const startedMs = performance.now()
    const written: Call[] = []
    const sent: Promise<Reply>[] = []
    connection.stream.cork()
    for (const call of calls) {
      const command = this.#write(commands, call, this.#mustSendText)
      if (command === undefined) continue
      if (isAsking) void settled(connection.call('ASKING'))
      written.push(call)
      sent.push(settled(connection.sendCommand(command) as Promise<unknown>))
    }
    if (minReplicas > 0) sent.push(settled(connection.call('WAIT', minReplicas, REPLICA_TIMEOUT_MS)))
    connection.stream.uncork()
    this.#mustSendText = false
    const replies = await Promise.all(sent)
    commands.wipe(replies.every(isAnswer))
    this.#parts.onBatch(
      written.reduce((sum, { writes }) => sum + writes.length, 0),
      performance.now() - startedMs,
    )
    const isConfirmed = minReplicas === 0 || this.#isConfirmed(replies.at(-1), minReplicas)
    return written.flatMap((call, i) => this.#settle(call, replies[i], isConfirmed))
  }

  #isConfirmed(reply: Reply | undefined, minReplicas: number): boolean {
    const [error, replicas] = reply ?? NO_REPLY
    if (error === null && Number(replicas) >= minReplicas) return true
    this.#parts.onFault(error ? faultOf(error) : 'replicas')
    return false
  }

  #settle(call: Call, reply: Reply | undefined, isConfirmed: boolean): Write[] {
    const [error, result] = reply ?? NO_REPLY
    if (error) return this.#settleError(call.writes, error)
    if (call.script === 'deposit') return this.#settleDeposits(call.writes as DepositWrite[], result, isConfirmed)
    for (let i = 0; i < call.writes.length; i++) {
      const write = call.writes[i] as EraseWrite
      if (isConfirmed) write.erasure.erased((result as number[])[i] as number)
      else write.fail()
    }
    return []
  }

  #settleDeposits(writes: readonly DepositWrite[], result: unknown, isConfirmed: boolean): Write[] {
    // The time of the node, then the outcomes.
    const answer = result as number[]
    const settled = answer.length - 1
    for (let i = 0; i < settled; i++) {
      const write = writes[i] as DepositWrite
      const outcome = answer[i + 1] as number
      if (outcome === OUTCOME.full) write.deposit.full()
      else if (outcome === OUTCOME.noMemory) this.#rejectAll([write], 'memory')
      else if (isConfirmed) settleStored(write, outcome)
      else write.fail()
    }
    if (settled === writes.length) return []
    this.#parts.correctClock(answer[0] as number)
    const [misfit, ...after] = writes.slice(settled) as [DepositWrite, ...DepositWrite[]]
    misfit.misfits++
    if (misfit.misfits < MAX_MISFITS) return this.#stillWanted([misfit, ...after])
    this.#rejectAll([misfit], 'clock')
    return this.#stillWanted(after)
  }

  #settleError(writes: readonly Write[], error: Error): Write[] {
    const redirection = redirectionOf(error)
    if (redirection === undefined) {
      this.#rejectAll(writes, faultOf(error))
      return []
    }
    const wanted = this.#stillWanted(writes)
    if (redirection.kind === 'unknown-script') {
      this.#mustSendText = true
      return wanted
    }
    if (wanted.length > 0) this.#parts.redirect(wanted, redirection.kind === 'ask' ? redirection.node : undefined)
    return []
  }

  #stillWanted(writes: readonly Write[]): Write[] {
    const oldestMs = performance.now() - MAX_RETRY_MS
    this.#rejectAll(
      writes.filter(({ sinceMs }) => sinceMs < oldestMs),
      'busy',
    )
    return writes.filter(({ sinceMs }) => sinceMs >= oldestMs)
  }

  #rejectAll(writes: readonly Write[], fault: StoreFault): void {
    if (writes.length === 0) return
    this.#parts.onFault(fault)
    for (const write of writes) write.fail()
  }
}

function writesOf({ groups, writes }: Call): readonly Write[] {
  return groups.length > 0 ? groups.flatMap((group) => group.writes) : writes
}

// Commands of one connection are answered in the order they were written, so that a WAIT covers what stands before it.
function settled(reply: Promise<unknown>): Promise<Reply> {
  return reply.then(
    (result): Reply => [null, result],
    (error: Error): Reply => [error, undefined],
  )
}

/** Whether Redis itself has answered, be it with an error. */
function isAnswer([error]: Reply): boolean {
  return error === null || error.name === 'ReplyError'
}

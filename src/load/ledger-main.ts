import { createServer, type Socket } from 'node:net'
import { monotonicMs } from './clock.ts'
import { Ledger } from './ledger.ts'
import type { LedgerCommand, LedgerMessage } from './messages.ts'
import { EMPTY_RECORD, KIND, RECORD_BYTES, readRecord, workerOfSession } from './record.ts'

/**
 * The process that the ledger lives in, so that nothing that happens to relays or workers happens to it. Workers write
 * to its socket, the run asks over the channel to its parent.
 */
const HOUSEKEEPING_MS = 10_000

const ledger = new Ledger()
const record = { ...EMPTY_RECORD }
let beganMs = monotonicMs()

function tell(message: LedgerMessage): void {
  process.send?.(message)
}

function serve(socket: Socket): void {
  let rest: Buffer | undefined
  let worker: number | undefined
  let heardMs = 0
  socket.on('error', () => undefined)
  socket.on('close', () => {
    if (worker !== undefined) ledger.workerEnded(worker, heardMs)
  })
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
      readRecord(bytes, at, record)
      heardMs = record.atMs
      if (record.session !== 0) worker = workerOfSession(record.session)
      if (record.kind === KIND.mark) tell({ kind: 'mark', worker: record.worker, mark: record.number })
      else ledger.take(record)
    }
    rest = at === bytes.length ? undefined : bytes.subarray(at)
  })
}

function answer(command: LedgerCommand): void {
  switch (command.kind) {
    case 'listen':
      beganMs = command.beganMs
      createServer(serve).listen(command.path, () => tell({ kind: 'listening' }))
      return
    case 'account':
      return tell({
        kind: 'account',
        id: command.id,
        account: ledger.account(command.isFinal),
        quietMs: monotonicMs() - beganMs - ledger.lastArrivalMs,
      })
    case 'owed':
      return tell({ kind: 'owed', id: command.id, mailboxes: ledger.owed() })
    case 'isReadSince':
      return tell({ kind: 'isReadSince', id: command.id, isRead: ledger.isReadSince(command.sinceMs) })
    default:
      return command satisfies never
  }
}

setInterval(() => ledger.forgetSettled(monotonicMs() - beganMs), HOUSEKEEPING_MS)
process.on('message', (command: LedgerCommand) => answer(command))
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches all processes of a terminal; who ends when is the run's to say.
process.on('SIGINT', () => undefined)

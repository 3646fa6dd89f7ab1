import { connect, type Socket } from 'node:net'
import { monotonicMs } from './clock.ts'
import { EMPTY_RECORD, KIND, type LedgerRecord, RECORD_BYTES, writeRecord } from './record.ts'

const FLUSH_MS = 50
const RECORDS_A_BLOCK = 1_024

/** What a worker tells the ledger, collected for a moment and written in blocks. */
export class LedgerWriter {
  readonly #socket: Socket
  readonly #beganMs: number
  readonly #timer: ReturnType<typeof setInterval>
  readonly #record: LedgerRecord = { ...EMPTY_RECORD }
  #block = Buffer.allocUnsafe(RECORDS_A_BLOCK * RECORD_BYTES)
  #used = 0

  /** @param beganMs the run's beginning on the shared clock */
  constructor(path: string, beganMs: number) {
    this.#beganMs = beganMs
    this.#socket = connect(path)
    this.#socket.on('error', () => process.exit(1)) // without the ledger nothing that follows would count
    this.#timer = setInterval(() => this.flush(), FLUSH_MS)
  }

  /** @param fields those that count for this kind; `atMs` is now */
  tell(fields: Partial<LedgerRecord>): void {
    Object.assign(this.#record, EMPTY_RECORD, fields)
    this.#record.atMs = monotonicMs() - this.#beganMs
    writeRecord(this.#block, this.#used, this.#record)
    this.#used += RECORD_BYTES
    if (this.#used === this.#block.length) this.flush()
  }

  mark(worker: number, mark: number): void {
    this.tell({ kind: KIND.mark, worker, number: mark })
    this.flush()
  }

  flush(): void {
    if (this.#used === 0) return
    this.#socket.write(this.#block.subarray(0, this.#used))
    this.#block = Buffer.allocUnsafe(RECORDS_A_BLOCK * RECORD_BYTES)
    this.#used = 0
  }

  end(): void {
    clearInterval(this.#timer)
    this.flush()
    this.#socket.end()
  }
}

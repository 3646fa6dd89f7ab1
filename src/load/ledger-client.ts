import type { Account } from './account.ts'
import type { LedgerCommand, LedgerMessage } from './messages.ts'
import type { Channel } from './processes.ts'

type Question = Extract<LedgerCommand, { id: number }>
type Answer = Extract<LedgerMessage, { id: number }>
type Asked = Question extends infer Q ? (Q extends { id: number } ? Omit<Q, 'id'> : never) : never

/** Asks the ledger's process. */
export class LedgerClient {
  readonly #child: Channel<LedgerCommand, LedgerMessage>
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #marks = new Map<string, () => void>()
  #questions = 0

  constructor(child: Channel<LedgerCommand, LedgerMessage>) {
    this.#child = child
  }

  /** Resolves when workers can connect. */
  listen(path: string, beganMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      void this.#child.ended.then(() => reject(new Error('the ledger could not be started')))
      this.#child.onMessage((message) => {
        if (message.kind === 'listening') resolve()
        else if (message.kind === 'mark') this.#marks.get(`${message.worker} ${message.mark}`)?.()
        else this.#waiting.get(message.id)?.(message)
      })
      this.#child.send({ kind: 'listen', path, beganMs })
    })
  }

  /** Resolves when all has been noted that the worker had told before it was asked for this mark. */
  marked(worker: number, mark: number): Promise<void> {
    const name = `${worker} ${mark}`
    return new Promise((resolve) => {
      this.#marks.set(name, () => {
        this.#marks.delete(name)
        resolve()
      })
    })
  }

  async account(isFinal: boolean): Promise<{ account: Account; quietMs: number }> {
    return (await this.#ask({ kind: 'account', isFinal })) as Extract<Answer, { kind: 'account' }>
  }

  async owed(): Promise<number[]> {
    return ((await this.#ask({ kind: 'owed' })) as Extract<Answer, { kind: 'owed' }>).mailboxes
  }

  async isReadSince(sinceMs: number): Promise<boolean> {
    return ((await this.#ask({ kind: 'isReadSince', sinceMs })) as Extract<Answer, { kind: 'isReadSince' }>).isRead
  }

  #ask(question: Asked): Promise<Answer> {
    const id = ++this.#questions
    return new Promise((resolve) => {
      this.#waiting.set(id, (answer) => {
        this.#waiting.delete(id)
        resolve(answer)
      })
      this.#child.send({ ...question, id } as Question)
    })
  }
}

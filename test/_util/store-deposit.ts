import { type MailboxStore, type SealedEnvelope, StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'

/** What a store has told of a deposit. */
export type DepositOutcome =
  | { readonly kind: 'stored'; readonly seq: number; readonly isFirst: boolean; readonly isAnnounced: boolean }
  | { readonly kind: 'full' }

/** Deposits one envelope. @throws StoreUnavailableError where the store says that it failed */
export function storeDeposit(
  store: Pick<MailboxStore, 'deposit'>,
  partition: number,
  seal: (nowSeconds: number) => SealedEnvelope,
): Promise<DepositOutcome> {
  return new Promise((resolve, reject) => {
    store.deposit({
      partition,
      seal,
      stored: (seq, isFirst, isAnnounced) => resolve({ kind: 'stored', seq, isFirst, isAnnounced }),
      full: () => resolve({ kind: 'full' }),
      failed: () => reject(new StoreUnavailableError()),
    })
  })
}

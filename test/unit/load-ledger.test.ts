import type { Account } from '../../src/load/account.ts'
import { Ledger } from '../../src/load/ledger.ts'
import {
  ARRIVAL,
  EMPTY_RECORD,
  KIND,
  type LedgerRecord,
  OUTCOME,
  RECORD_BYTES,
  readRecord,
  writeRecord,
} from '../../src/load/record.ts'
import { ERRORS } from '../../src/protocol/errors.ts'
import { test } from '../_util/tap.ts'

const SECOND = 1_000
const MINUTE_CLASS = 0
const HOUR_CLASS = 2

type Told = Partial<LedgerRecord>

function accountOf(records: readonly Told[], isFinal = true): Account {
  const ledger = new Ledger()
  for (const record of records) ledger.take({ ...EMPTY_RECORD, classIndex: HOUR_CLASS, ...record })
  return ledger.account(isFinal)
}

const sent = (number: number, more: Told = {}): Told => ({ kind: KIND.sent, number, ...more })
const outcome = (number: number, detail: number, more: Told = {}): Told => ({
  kind: KIND.outcome,
  number,
  detail,
  ...more,
})
const accepted = (number: number, more: Told = {}) => outcome(number, OUTCOME.accepted, more)
const unsure = (number: number) => outcome(number, OUTCOME.unsure)
const refused = (number: number, errorNumber: number) => outcome(number, OUTCOME.refused, { errorNumber })
const arrived = (number: number, more: Told = {}): Told => ({
  kind: KIND.arrival,
  number,
  session: 1,
  idTag: number,
  ...more,
})
const drained = (session: number, atMs: number): Told => ({ kind: KIND.drained, session, atMs })
const closed = (session: number, atMs: number): Told => ({ kind: KIND.closed, session, atMs })

test('a record is read as it was written', async (t) => {
  const record: LedgerRecord = {
    kind: KIND.arrival,
    detail: ARRIVAL.behind,
    classIndex: 4,
    errorNumber: 7,
    worker: 511,
    number: 0xffff_ffff,
    mailbox: 999_999,
    session: 0xffff_fffe,
    idTag: 0x8000_0000,
    atMs: 4_000_000_000,
  }
  const bytes = Buffer.alloc(RECORD_BYTES * 2)
  writeRecord(bytes, RECORD_BYTES, record)
  const read = { ...EMPTY_RECORD }
  readRecord(bytes, RECORD_BYTES, read)
  t.same(read, record)
})

test('what arrives counts once, whichever of the two is told first', async (t) => {
  const expected = { sent: 1, accepted: 1, delivered: 1, outstanding: 0, lost: 0, duplicated: 0, unanswered: 0 }
  t.match(accountOf([sent(0), accepted(0), arrived(0)]), expected)
  t.match(accountOf([arrived(0), sent(0), accepted(0)]), expected)
  t.match(accountOf([sent(0), arrived(0), accepted(0)]), expected)
})

test('numbers of different workers and far apart are different envelopes', async (t) => {
  const records = [0, 1].flatMap((worker) =>
    [0, 70_000].flatMap((number) => [
      sent(number, { worker }),
      accepted(number, { worker }),
      arrived(number, { worker }),
    ]),
  )
  t.match(accountOf(records), { sent: 4, accepted: 4, delivered: 4, duplicated: 0 })
})

test('lost: accepted, and its mailbox was read to the end before it could have expired', async (t) => {
  const begin = [sent(0, { atMs: 1 * SECOND }), accepted(0)]
  t.match(accountOf([...begin, drained(1, 9 * SECOND)], false), { lost: 0, outstanding: 1 }, 'not before the end')
  t.match(accountOf([...begin, drained(1, 9 * SECOND)]), { lost: 1, outstanding: 0 })
  t.match(accountOf(begin), { lost: 0, outstanding: 1 }, 'nobody has looked')
  t.match(accountOf([drained(1, 0), ...begin, closed(1, 2 * SECOND)]), { lost: 0, outstanding: 1 }, 'hardly any time')
  t.match(accountOf([drained(1, 0), ...begin, closed(1, 20 * SECOND)]), { lost: 1 }, 'a session that stayed open')
})

test('expired: nobody read its mailbox in time', async (t) => {
  const begin = [sent(0, { atMs: SECOND, classIndex: MINUTE_CLASS }), accepted(0)]
  t.match(accountOf([...begin, drained(1, 49 * SECOND)]), { lost: 1, expired: 0 }, 'within 5/6 of the class')
  t.match(accountOf([...begin, drained(1, 55 * SECOND)]), { lost: 0, expired: 1, outstanding: 0 })
})

test('duplicated: twice in a session, or under another id; redelivered: in a later one under the same', async (t) => {
  const once = [sent(0), accepted(0), arrived(0)]
  t.match(accountOf([...once, arrived(0)]), { delivered: 1, duplicated: 1, redelivered: 0 })
  t.match(accountOf([...once, arrived(0, { session: 2, idTag: 77 })]), { duplicated: 1, redelivered: 0 })
  t.match(accountOf([...once, arrived(0, { session: 2 })]), { duplicated: 0, redelivered: 1 })
  t.match(accountOf([...once, arrived(0, { session: 2 }), arrived(0, { session: 2 })]), {
    duplicated: 1,
    redelivered: 1,
  })
})

test('what was refused must not come, unless the store may have it; what is unsure may', async (t) => {
  const full = refused(0, ERRORS.ERR_MAILBOX_FULL.number)
  const unavailable = refused(0, ERRORS.ERR_STORE_UNAVAILABLE.number)
  t.match(accountOf([sent(0), full, arrived(0)]), { refused: { 7: 1 }, unexpected: 1, accepted: 0 })
  t.match(accountOf([sent(0), arrived(0), full]), { unexpected: 1 })
  t.match(accountOf([sent(0), unavailable, arrived(0)]), { refused: { 8: 1 }, unexpected: 0, lost: 0 })
  t.match(accountOf([sent(0), unsure(0), drained(1, 9 * SECOND)]), { unsure: 1, lost: 0, outstanding: 0 })
  t.match(accountOf([sent(0), unsure(0), arrived(0)]), { unsure: 1, deliveredUnsure: 1, unexpected: 0 })
  t.match(accountOf([sent(0), arrived(0), unsure(0)]), { unsure: 1, deliveredUnsure: 1 })
})

test('an answer that comes late settles what was unsure', async (t) => {
  t.match(accountOf([sent(0), unsure(0), accepted(0), drained(1, 9 * SECOND)]), { unsure: 0, accepted: 1, lost: 1 })
  t.match(accountOf([sent(0), unsure(0), arrived(0), accepted(0)]), {
    unsure: 0,
    accepted: 1,
    deliveredUnsure: 0,
    lost: 0,
  })
  t.match(accountOf([sent(0), accepted(0), unsure(0)]), { unsure: 0, accepted: 1 })
})

test('misdelivered does not count as delivered; damaged is not lost as well', async (t) => {
  const begin = [sent(0), accepted(0)]
  const end = drained(1, 9 * SECOND)
  const elsewhere = arrived(0, { detail: ARRIVAL.misdelivered, mailbox: 1 })
  t.match(accountOf([...begin, elsewhere, end]), { misdelivered: 1, delivered: 0, lost: 1 })
  const damaged = arrived(0, { detail: ARRIVAL.bodyDamaged })
  t.match(accountOf([...begin, damaged, end]), { corrupted: 1, delivered: 0, lost: 0, outstanding: 0 })
  t.match(accountOf([sent(0), damaged, accepted(0), end]), { corrupted: 1, lost: 0, outstanding: 0 })
  t.match(accountOf([...begin, { kind: KIND.damaged }, end]), { corrupted: 1, lost: 1 }, 'nobody knows which it was')
})

test('out of order counts on the first arrival only', async (t) => {
  const behind = { detail: ARRIVAL.behind }
  t.match(accountOf([sent(0), accepted(0), arrived(0, behind)]), { outOfOrder: 1, delivered: 1 })
  t.match(accountOf([sent(0), accepted(0), arrived(0), arrived(0, behind)]), { outOfOrder: 0, duplicated: 1 })
  for (const answer of [unsure(0), refused(0, ERRORS.ERR_STORE_UNAVAILABLE.number)])
    t.match(
      accountOf([sent(0), answer, arrived(0, behind)]),
      { outOfOrder: 0, delivered: 1 },
      'nobody promised it a place',
    )
})

test('what has not been answered yet is neither', async (t) => {
  t.match(accountOf([sent(0), sent(1), accepted(1)], false), { sent: 2, accepted: 1, unanswered: 1, unsure: 0 })
})

test('mailboxes that are owed something, and whether they were read', async (t) => {
  const ledger = new Ledger()
  const take = (record: Told): void => ledger.take({ ...EMPTY_RECORD, classIndex: HOUR_CLASS, ...record })
  for (const mailbox of [3, 4, 5]) {
    take(sent(mailbox, { mailbox }))
    take(accepted(mailbox))
  }
  take(arrived(4))
  t.same(ledger.owed().sort(), [3, 5])
  take({ kind: KIND.drained, mailbox: 3, session: 1, atMs: 100 })
  t.notOk(ledger.isReadSince(50))
  take({ kind: KIND.drained, mailbox: 5, session: 2, atMs: 60 })
  t.ok(ledger.isReadSince(50))
  t.notOk(ledger.isReadSince(70))
})

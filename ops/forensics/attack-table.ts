import { TTL_CLASSES } from '../../src/protocol/retention.ts'
import type { attackBoth, LetheAttack, PlainAttack } from './attack.ts'
import type { ArrivalResult, Hint } from './attack-arrival.ts'
import type { JoiningResult, LinkingResult } from './attack-linking.ts'
import type { PresenceResult } from './attack-presence.ts'

type Row = readonly [attempt: string, seenIn: string, lethe: string, plain: string]

const CLASS_NAMES = ['a minute', 'ten minutes', 'an hour', 'a day', 'a week']

/** The result as a Markdown table, with a line before it that says what was attacked. */
export function renderAttacks({ day, lethe, plain }: Awaited<ReturnType<typeof attackBoth>>): string {
  const waiting = lethe.arrivals.copy.envelopes
  const about =
    `${count(day.addresses.length - 1)} mailboxes, ${count(day.envelopes.length)} envelopes in a day, of which ` +
    `${count(waiting)} wait in ${count(lethe.streams)} buckets; ${count(day.online.size)} mailboxes are online.`
  const rows: Row[] = [
    ...arrivalRows(lethe, plain),
    ...linkingRows(lethe, plain),
    ...activityRows(lethe, plain),
    ...presenceRows(lethe, plain),
  ]
  const lines = [['What is tried', 'seen in', 'Lethe', 'plain layout'], ['---', '---', '---', '---'], ...rows]
  return `${about}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}`
}

function arrivalRows({ arrivals, hints, isMoreInRunning }: LetheAttack, { arrivals: plain }: PlainAttack): Row[] {
  const windows = [...arrivals.copy.windows]
    .sort(([a], [b]) => a - b)
    .map(([classIndex, { narrowest, widest }]) => {
      const width = narrowest === widest ? duration(widest) : `${duration(narrowest)} to ${duration(widest)}`
      return `${width} for a class of ${CLASS_NAMES[classIndex]} (a sixth: ${duration((TTL_CLASSES[classIndex] ?? 0) / 6)})`
    })
  const strongest = ({ hints: list, chance }: { hints: readonly Hint[]; chance: number }) => {
    const top = Math.max(...list.map(({ correlation }) => Math.abs(correlation)))
    return `nothing: strongest correlation of ${list.length} figures ${top.toFixed(3)}, by chance up to ${chance.toFixed(3)}`
  }
  const more = isMoreInRunning.length === 0 ? 'the same figures as in a copy' : `also ${isMoreInRunning.join(', ')}`
  return [
    ['When an envelope came: width of the window', 'copy', windows.join('; '), '1 ms'],
    ['How far off the best guess is', 'copy', errors(arrivals.copy), errors(plain)],
    ['What else narrows the window', 'copy', strongest(hints.copy), 'the id is the time'],
    ['How far off the best guess is', 'running, swept ten minutes ago', errors(arrivals.running), errors(plain)],
    ['The same if nobody swept', 'running', errors(arrivals.unswept), errors(plain)],
    ['XINFO STREAM FULL, MEMORY USAGE', 'running', `${more}; ${strongest(hints.running)}`, 'the id is the time'],
  ]
}

function errors({ medianErrorSeconds, smallestErrorSeconds, withinSecondShare }: ArrivalResult): string {
  const median = duration(medianErrorSeconds)
  return `median ${median}, smallest ${duration(smallestErrorSeconds)}; ${percent(withinSecondShare)} known to a second`
}

function linkingRows({ linking, probing, ownPattern, joining, backlog }: LetheAttack, plain: PlainAttack): Row[] {
  const pattern = ownPattern.isAmong ? `yes, among ${ownPattern.candidates}` : 'no'
  const reach = `${count(backlog.deposits)} deposits, the last ${duration(backlog.minutes * 60)}`
  const own = 'the name says it'
  return [
    ['Tie streams to known addresses, without storeSecret', 'copy', hits(linking), hits(plain.linking)],
    ['… a bucket that holds 17 envelopes of one’s own', 'copy', pattern, own],
    [
      '… by depositing one envelope meanwhile',
      'running, or two copies',
      `${probing.found} of ${probing.tried} buckets found`,
      own,
    ],
    ['Tell that two buckets are one mailbox’s, by partition', 'copy', joins(joining.copy), 'there is one stream each'],
    ['… by wakeTag', `running, backlog of 256 kB: ${reach}`, joins(joining.backlog), 'there is one stream each'],
  ]
}

function hits({ hits: right, addresses, byChance, mostByLuck }: LinkingResult): string {
  return `${count(right)} of ${count(addresses)} right (by chance ${byChance.toFixed(0)}, at most ${mostByLuck})`
}

function joins({ named, right, pairs }: JoiningResult): string {
  return `${count(named)} pairs named, ${named === 0 ? 'none' : percent(right / named)} right, of ${count(pairs)} there are`
}

function activityRows({ activity, depositsCounted }: LetheAttack, { activity: plain }: PlainAttack): Row[] {
  const delivered = (one: typeof plain) => `${count(one.deliveredCounted)} of ${count(one.delivered)}`
  const emptied = (one: typeof plain) => `${count(one.emptiedVisible)} of ${count(one.emptied)}`
  return [
    ['Delivered envelopes that are still counted', 'copy', delivered(activity), delivered(plain)],
    ['Mailboxes that hold nothing now and left a trace', 'copy', emptied(activity), `${emptied(plain)}, with the time`],
    ['INFO commandstats', 'running', `${count(depositsCounted)} deposits over all, since its start`, 'the same'],
  ]
}

function presenceRows({ presence }: LetheAttack, plain: PlainAttack): Row[] {
  return [
    ['Who is online', 'copy', 'nothing is stored', 'nothing is stored'],
    ['… by channels, LETHE_WAKE_BITS 12', 'running', knowledge(presence.bits12), knowledge(plain.presence)],
    ['… by channels, LETHE_WAKE_BITS 24, of buckets', 'running', knowledge(presence.bits24), knowledge(plain.presence)],
    ['… by use within 30 s, of buckets', 'running', knowledge(presence.use), 'not tried'],
  ]
}

function knowledge({ found, falseAlarms, channels }: PresenceResult): string {
  const seen = channels > 0 ? `; ${count(channels)} channels` : ''
  return `${percent(found)} of those online called so, ${percent(falseAlarms)} of the others${seen}`
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function duration(seconds: number): string {
  if (seconds >= 7200) return `${Number((seconds / 3600).toFixed(1))} h`
  if (seconds >= 120) return `${Math.round(seconds / 60)} min`
  if (seconds >= 1) return `${Number(seconds.toFixed(1))} s`
  return `${Math.round(seconds * 1000)} ms`
}

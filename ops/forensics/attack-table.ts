import { TTL_CLASSES } from '../../src/protocol/retention.ts'
import type { attackBoth, LetheAttack, PlainAttack } from './attack.ts'
import type { ArrivalResult, Hint } from './attack-arrival.ts'
import type { JoiningResult, LinkingResult } from './attack-linking.ts'
import type { PresenceResult } from './attack-presence.ts'

type Row = readonly [attempt: string, seenIn: string, lethe: string, plain: string]

const COPY = 'copy (RDB, DUMP)'

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

function arrivalRows(lethe: LetheAttack, { arrivals: plain }: PlainAttack): Row[] {
  const { arrivals, hints, isMoreInRunning, neighbours, longestIdleSeconds, backlog } = lethe
  const windows = [...arrivals.copy.windows]
    .sort(([a], [b]) => a - b)
    .map(([classIndex, { narrowest, widest }]) => {
      const width = narrowest === widest ? duration(widest) : `${duration(narrowest)} to ${duration(widest)}`
      return `${width} for a class of ${CLASS_NAMES[classIndex]} (slot: ${duration((TTL_CLASSES[classIndex] ?? 0) / 6)})`
    })
  const more = isMoreInRunning.length === 0 ? 'the same figures as in a copy' : `also ${isMoreInRunning.join(', ')}`
  const idTells = 'the id is the time'
  return [
    ['Arrival: width of the window of an envelope', COPY, windows.join('; '), '1 ms'],
    ['… error of the best guess', COPY, errors(arrivals.copy), errors(plain)],
    ['… what else narrows the window', COPY, strongest(hints.copy), idTells],
    ['… which of two neighbours in the file is newer', COPY, shareOf(neighbours), idTells],
    ['… OBJECT IDLETIME, swept ten minutes ago', 'running', errors(arrivals.running), errors(plain)],
    ['… right after a sweep', 'running', `nothing: all were used ${duration(longestIdleSeconds)} ago or less`, idTells],
    ['… if nobody swept', 'running', errors(arrivals.unswept), errors(plain)],
    ['… XINFO STREAM FULL, MEMORY USAGE', 'running', `${more}; ${strongest(hints.running)}`, idTells],
    [
      '… replication backlog of 256 kB',
      'running, with a replica',
      `the last ${count(backlog.deposits)} deposits in order, which reach back ${duration(backlog.minutes * 60)}`,
      'the same',
    ],
  ]
}

function strongest({ hints, chance }: { hints: readonly Hint[]; chance: number }): string {
  const top = Math.max(...hints.map(({ correlation }) => Math.abs(correlation)))
  const verdict = top <= chance ? 'nothing' : 'something'
  return `${verdict}: strongest correlation of ${hints.length} figures ${top.toFixed(3)}, by chance up to ${chance.toFixed(3)}`
}

function shareOf({ pairs, newerFirst }: { pairs: number; newerFirst: number }): string {
  const luck = 0.98 / Math.sqrt(pairs)
  return `the first in ${percent(newerFirst / pairs)} of ${count(pairs)} pairs (by chance 50 % ± ${(luck * 100).toFixed(1)}, 19 times of 20)`
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
    ['Linking: a stream to each known address, without storeSecret', COPY, hits(linking), hits(plain.linking)],
    ['… the bucket that holds 17 envelopes of one’s own', COPY, pattern, own],
    [
      '… by depositing one envelope meanwhile',
      'running, or two copies',
      `${probing.found} of ${probing.tried} buckets found`,
      own,
    ],
    ['Joining: two buckets of one mailbox, by partition', COPY, joins(joining.copy), 'there is one stream each'],
    ['… by wakeTag', `running, backlog of 256 kB: ${reach}`, joins(joining.backlog), 'there is one stream each'],
  ]
}

function hits({ hits: right, addresses, byChance, mostByLuck }: LinkingResult): string {
  const share = (some: number) => `${((some / addresses) * 100).toFixed(2)} %`
  const chance = `chance: ${share(byChance)}; up to ${mostByLuck} would be luck`
  return `${count(right)} of ${count(addresses)} right, ${share(right)} (${chance})`
}

function joins({ named, right, pairs }: JoiningResult): string {
  return `${count(named)} pairs named, ${named === 0 ? 'none' : percent(right / named)} right, of ${count(pairs)} there are`
}

function activityRows({ activity, depositsCounted }: LetheAttack, { activity: plain }: PlainAttack): Row[] {
  const delivered = (one: typeof plain) => `${count(one.deliveredCounted)} of ${count(one.delivered)}`
  const emptied = (one: typeof plain) => `${count(one.emptiedVisible)} of ${count(one.emptied)}`
  return [
    ['Activity: delivered envelopes that are still counted', COPY, delivered(activity), delivered(plain)],
    ['… mailboxes that hold nothing now and left a trace', COPY, emptied(activity), `${emptied(plain)}, with the time`],
    ['… INFO commandstats', 'running', `${count(depositsCounted)} deposits over all, since its start`, 'the same'],
  ]
}

function presenceRows({ presence }: LetheAttack, plain: PlainAttack): Row[] {
  return [
    ['Presence: who is online', COPY, 'nothing is stored', 'nothing is stored'],
    ['… by channels, LETHE_WAKE_BITS 12', 'running', knowledge(presence.bits12), knowledge(plain.presence)],
    ['… by channels, LETHE_WAKE_BITS 24, of buckets', 'running', knowledge(presence.bits24), knowledge(plain.presence)],
    ['… by use within 30 s, of buckets', 'running', knowledge(presence.use), 'channels say it'],
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

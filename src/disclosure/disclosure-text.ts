import type { Disclosure, ExpiryWindow, WaitingGroup } from './disclosure.ts'
import { capitalize, classText, list, numberText, plural, timeText, wrap } from './plain-text.ts'

/** The document in plain words, for counsel. At most 78 characters a line but for addresses and ciphertext. */
export function disclosureText(document: Disclosure): string {
  const sections = [
    heading(document),
    section('1. What was asked', asked(document)),
    section('2. What waits', waiting(document)),
    section('3. What follows about times', times(document)),
    section('4. Whether the mailbox is connected', wrap(document.connected.explanation)),
    section('5. What else the store holds, and where it is above', stored(document)),
    section('6. What is not held', notHeld(document)),
    section('7. How long anything is held', list(document.retention.map(inWords))),
    section('8. Settings of this relay that matter here', settings(document)),
    section('9. What this document does not speak for', notCovered(document)),
    ...(document.ciphertext === null ? [] : [section('10. Ciphertext', ciphertext(document.ciphertext))]),
  ]
  return `${sections.join('\n\n')}\n`
}

function section(title: string, text: string): string {
  return `${title}\n\n${text}`
}

function heading({ madeAt, relay: { software, operator, publicOrigins } }: Disclosure): string {
  const commit = software.commit === null ? 'commit not known' : `commit ${software.commit}`
  const rows = [
    ['Made', `${timeText(madeAt)}, by the clock of the store`],
    ['By', `Lethe ${software.version}, ${commit}`],
    ['Operator', operator.name ?? 'not stated'],
    ['Jurisdiction', operator.jurisdiction ?? 'not stated'],
    ['Contact', operator.contact ?? 'not stated'],
    ['Relay', publicOrigins.length === 0 ? 'reachable from its own machine only' : publicOrigins.join(', ')],
  ]
  return `What this relay holds about one mailbox\n\n${table(rows)}`
}

function asked({ asked: { address, publicKey } }: Disclosure): string {
  const rows = [['Address', address], ...(publicKey === null ? [] : [['Public key', publicKey]])]
  return `${table(rows)}\n\n${wrap(
    'The address is all that a mailbox can be found by. It names no person: it is a hash of a public key that its ' +
      'owner made, and may be one of many.',
  )}`
}

function waiting({ waiting, madeAt }: Disclosure): string {
  if (waiting === null) {
    return wrap(
      'This cannot be told from here. The relay is set to keep envelopes in its own memory, and no other process can ' +
        'look into it. Only the running process could tell, to somebody who reads its memory; it has no command for it. ' +
        'When it ends, everything it holds is gone. If this relay does use Redis, run this command with the same ' +
        'LETHE_ variables as the relay.',
    )
  }
  const { envelopes, groups } = waiting
  if (envelopes === 0) {
    return wrap(
      'Nothing. No envelope waits for this mailbox, in any size or class. The store holds nothing about it, and cannot ' +
        'tell it from a mailbox that was never used.',
    )
  }
  const filled = groups.filter((group) => group.envelopes > 0)
  const totals = filled.map((group) => [describeGroup(group), numberText(group.envelopes)])
  const empty =
    filled.length === groups.length
      ? ''
      : `\n\n${wrap('In every other size and class nothing waits for this mailbox.')}`
  return [
    wrap(`${plural(envelopes, 'sealed envelope')} ${envelopes === 1 ? 'waits' : 'wait'} for this mailbox:`),
    table(totals),
    ...filled.map((group) => windows(group, madeAt)),
  ]
    .join('\n\n')
    .concat(empty)
}

function describeGroup({ envelopeBytes, ttlClassSeconds }: WaitingGroup): string {
  return `${numberText(envelopeBytes)} bytes, class of ${classText(ttlClassSeconds)}`
}

function windows(group: WaitingGroup, madeAt: string): string {
  const described = group.windows.map((window) => describeWindow(window, madeAt))
  return `${describeGroup(group)}:\n\n${described.join('\n\n')}`
}

function describeWindow(window: ExpiryWindow, madeAt: string): string {
  const { waiting, acknowledged, places, storeSecret, notSealedHere } = window
  const more = acknowledged === 0 ? 'none' : numberText(acknowledged)
  const rows = [
    ['Waiting', numberText(waiting)],
    ['Erased at', `${timeText(window.erasedAt)}, or when acknowledged`],
    ['Came from', timeText(window.arrivedFrom)],
    [
      'Came before',
      `${timeText(window.arrivedBefore)}${window.arrivedBefore > madeAt ? ', which is still to come' : ''}`,
    ],
    ['Acknowledged', `${more} of the same size and class that came in the same time`],
    ['Places', ranges(places)],
    ['Stored under', storeSecret === 'live' ? 'the live storeSecret' : `storeSecret ${storeSecret}`],
    ...(notSealedHere === 0
      ? []
      : [['Do not open', `${numberText(notSealedHere)}: no relay with this secret wrote them`]]),
  ]
  return table(rows)
}

/** `1–3, 5` */
function ranges(places: readonly number[]): string {
  const runs: [number, number][] = []
  for (const place of places) {
    const run = runs.at(-1)
    if (run !== undefined && run[1] === place - 1) run[1] = place
    else runs.push([place, place])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')
}

function times({ arrivalPrecision }: Disclosure): string {
  const rows = arrivalPrecision.map(({ ttlClassSeconds, precisionSeconds }) => [
    `class of ${classText(ttlClassSeconds)}`,
    `to within ${classText(precisionSeconds)}`,
  ])
  return [
    wrap(
      'The one time that is stored is when a bucket is erased. It is a multiple of a sixth of the class, the same for ' +
        'all that came within that sixth. So an arrival is known like this, and not closer:',
    ),
    table(rows),
    wrap('Places say in which order the envelopes of one window came: 1 came first. They hold no time.'),
  ].join('\n\n')
}

/** What fields of the document are called in the text. */
const LABELS: Readonly<Record<string, string>> = {
  erasedAt: '“Erased at”',
  waiting: '“Waiting”',
  acknowledged: '“Acknowledged”',
  places: '“Places”',
  envelopeBytes: 'the size',
  readUntil: '“Made”',
}

function inWords(text: string): string {
  return text.replace(/`(\w+)`/g, (_, name: string) => LABELS[name] ?? name)
}

function stored({ stored }: Disclosure): string {
  return list(stored.map(({ name, given }) => `${name}: ${inWords(given)}`))
}

function notHeld({ notHeld }: Disclosure): string {
  return list(notHeld.map(({ what, reason }) => `${capitalize(what)}. ${reason}`))
}

function notCovered({ notCovered }: Disclosure): string {
  return list(notCovered.map(({ what, why }) => `${capitalize(what)}. ${why}`))
}

function settings({ configuration }: Disclosure): string {
  return table(SETTINGS.map(([name, describe]) => [name, describe(configuration)]))
}

const SETTINGS: readonly [name: string, describe: (configuration: Disclosure['configuration']) => string][] = [
  ['Store', ({ store }) => (store === 'memory' ? 'memory of the process' : `Redis (${store})`)],
  ['Envelope sizes', ({ envelopeBytes }) => `${envelopeBytes.map(numberText).join(', ')} bytes`],
  ['Usual lifetime', ({ defaultTtlSeconds }) => classText(defaultTtlSeconds)],
  ['Longest lifetime', ({ maxTtlSeconds }) => classText(maxTtlSeconds)],
  ['Bucket', ({ bucketBytes }) => `${numberText(bucketBytes)} bytes of envelopes at most`],
  ['Read-only secrets', ({ readOnlySecrets }) => numberText(readOnlySecrets)],
  ['Wake-up bits', ({ wakeBits }) => `${wakeBits}`],
  ['Replicas to confirm', ({ redisMinReplicas }) => numberText(redisMinReplicas)],
  ['Log level', ({ logLevel }) => logLevel],
  ['Unsafe store allowed', ({ allowUnsafeStore }) => (allowUnsafeStore ? 'yes' : 'no')],
  ['Metrics', ({ metricsExact }) => (metricsExact ? 'live and exact, as for a load test' : 'in steps')],
]

function ciphertext({ note, envelopes }: NonNullable<Disclosure['ciphertext']>): string {
  const blocks = envelopes.map(({ envelopeBytes, ttlClassSeconds, erasedAt, place, ciphertext }) => {
    const what = `${numberText(envelopeBytes)} bytes, class of ${classText(ttlClassSeconds)}`
    return `${what}, erased at ${timeText(erasedAt)}, place ${place}:\n\n  ${ciphertext ?? 'does not open'}`
  })
  return [wrap(note), ...blocks].join('\n\n')
}

/** Two columns, indented. */
function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([left = '']) => left.length))
  return rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}   ${right}`).join('\n')
}

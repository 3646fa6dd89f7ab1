import { readFileSync } from 'node:fs'
import { DEFAULT_PLAN, type LoadPlan } from '../load/plan.ts'
import { ProfileError, readProfile, shippedProfiles } from '../load/profile.ts'
import { DEFAULT_SLO, parseSlo, SLO_NAMES, SloError, type Threshold } from '../load/slo.ts'
import type { CommandInput, OptionSpec } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { Failure, fileProblem } from './failure.ts'

const usual = DEFAULT_PLAN

export const LOAD_OPTIONS = {
  rate: { value: 'N', help: `deposits a second, over all workers (default: ${usual.rate})` },
  duration: { value: 'TIME', help: `how long to send: 30s, 5m, 1h (default: ${usual.durationSeconds}s)` },
  ramp: {
    value: 'TIME',
    help: 'let the rate rise from nothing for so long; latencies count from its end (default: 0s)',
  },
  senders: { value: 'N', help: `connections that deposit (default: ${usual.senders})` },
  recipients: { value: 'N', help: `mailboxes, each with its own connection (default: ${usual.recipients})` },
  workers: { value: 'N', help: `processes that all this is spread over (default: ${usual.workers})` },
  'offline-share': { value: 'SHARE', help: 'part of the recipients that is away: 0.3 or 30% (default: 0)' },
  'offline-time': { value: 'TIME', help: 'for how long each of them is away at a time (default: until the end)' },
  'slow-share': { value: 'SHARE', help: 'part of the recipients that reads slowly (default: 0)' },
  size: { value: 'BYTES', help: "size of the envelopes, or several: 4000,64000 (default: the relay's smallest)" },
  ttl: { value: 'SECONDS', help: `lifetime asked for, or several: 600,86400 (default: ${usual.ttls.join()})` },
  transport: { value: 'ws|http', help: `how deposits are sent (default: ${usual.transport})` },
  arrivals: {
    value: 'poisson|fixed',
    help: `times drawn at random or at equal intervals (default: ${usual.arrivals})`,
  },
  'in-flight': { value: 'N', help: `deposits that one sender may have unanswered (default: ${usual.inFlight})` },
  'answer-timeout': { value: 'TIME', help: `after which a deposit is unsure (default: ${usual.answerSeconds}s)` },
  drain: { value: 'TIME', help: `most time for reading all mailboxes at the end (default: ${usual.drainSeconds}s)` },
  profile: { value: 'NAME|FILE', help: `start from a profile; the other options change it` },
  slo: { value: 'LIST', help: `thresholds, besides the usual ones: p99=50ms,refused=1%,loss=0` },
  json: { value: 'FILE', help: 'write the report as JSON; - for standard output' },
  html: { value: 'FILE', help: 'write the report as a page with charts' },
  ca: { value: 'FILE', help: 'certificates in PEM to trust, for relays with a certificate of their own making' },
  from: { value: 'ADDRESSES', help: 'local addresses to connect from, in turns, where one has too few ports' },
} as const satisfies Record<string, OptionSpec>

export type LoadOption = keyof typeof LOAD_OPTIONS

/** Names of the profiles and of the thresholds, for the help. */
export function describeNames(): string {
  return `Profiles: ${shippedProfiles().join(', ')} (see ops/load).\n\nThresholds: ${SLO_NAMES}.\nUsual: ${DEFAULT_SLO}.`
}

/** What the command line asks for. */
export interface LoadRequest {
  readonly plan: Partial<LoadPlan> & { readonly urls: readonly string[] }
  readonly thresholds: readonly Threshold[]
  readonly jsonFile: string | undefined
  readonly htmlFile: string | undefined
}

/** @throws Failure (64) for a value that an option does not take, a profile or a certificate that cannot be used */
export function readLoadOptions({ positionals, values }: CommandInput<LoadOption>): LoadRequest {
  const profile = values.profile === undefined ? undefined : profileOf(values.profile)
  const given: Partial<LoadPlan> = {
    ...number('rate', values.rate, 'rate'),
    ...seconds('durationSeconds', values.duration, 'duration'),
    ...seconds('rampSeconds', values.ramp, 'ramp'),
    ...number('senders', values.senders, 'senders'),
    ...number('recipients', values.recipients, 'recipients'),
    ...number('workers', values.workers, 'workers'),
    ...share('offlineShare', values['offline-share'], 'offline-share'),
    ...seconds('offlineSeconds', values['offline-time'], 'offline-time'),
    ...share('slowShare', values['slow-share'], 'slow-share'),
    ...numbers('sizes', values.size, 'size'),
    ...numbers('ttls', values.ttl, 'ttl'),
    ...choice('transport', values.transport, ['ws', 'http'] as const),
    ...choice('arrivals', values.arrivals, ['poisson', 'fixed'] as const),
    ...number('inFlight', values['in-flight'], 'in-flight'),
    ...seconds('answerSeconds', values['answer-timeout'], 'answer-timeout'),
    ...seconds('drainSeconds', values.drain, 'drain'),
    ...(values.ca !== undefined && { ca: readCa(values.ca) }),
    ...(values.from !== undefined && { localAddresses: values.from.split(',') }),
  }
  return {
    plan: { ...profile?.plan, ...given, urls: positionals },
    thresholds: thresholdsOf([DEFAULT_SLO, profile?.slo, values.slo]),
    jsonFile: values.json,
    htmlFile: values.html,
  }
}

/** The option that sets a field of the plan, for whoever has to be told that it cannot be so. */
export function optionOf(field: keyof LoadPlan): string {
  return OPTION_OF[field] ?? `"${field}" in the profile`
}

const OPTION_OF: Readonly<Partial<Record<keyof LoadPlan, string>>> = {
  urls: 'URL',
  rate: '--rate',
  durationSeconds: '--duration',
  rampSeconds: '--ramp',
  senders: '--senders',
  recipients: '--recipients',
  workers: '--workers',
  offlineShare: '--offline-share',
  offlineSeconds: '--offline-time',
  slowShare: '--slow-share',
  sizes: '--size',
  ttls: '--ttl',
  inFlight: '--in-flight',
  answerSeconds: '--answer-timeout',
  drainSeconds: '--drain',
}

function wrong(option: string, what: string): Failure {
  return new Failure(EXIT.usage, `lethe load: ${option} ${what}`)
}

const NUMBER = /^\d+(\.\d+)?$/

function number<K extends keyof LoadPlan>(field: K, text: string | undefined, option: string): Partial<LoadPlan> {
  if (text === undefined) return {}
  if (!NUMBER.test(text)) throw wrong(`--${option}`, 'takes a number')
  return { [field]: Number(text) }
}

function numbers(field: 'sizes' | 'ttls', text: string | undefined, option: string): Partial<LoadPlan> {
  if (text === undefined) return {}
  const parts = text.split(',')
  if (!parts.every((part) => /^\d+$/.test(part))) throw wrong(`--${option}`, 'takes whole numbers with commas between')
  return { [field]: parts.map(Number) }
}

function seconds<K extends keyof LoadPlan>(field: K, text: string | undefined, option: string): Partial<LoadPlan> {
  if (text === undefined) return {}
  const [, value, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  if (value === undefined) throw wrong(`--${option}`, 'takes a time like 30s, 500ms, 5m or 1h')
  const factor = { ms: 0.001, s: 1, m: 60, h: 3_600 }[unit as 'ms' | 's' | 'm' | 'h']
  return { [field]: Number(value) * factor }
}

function share(field: 'offlineShare' | 'slowShare', text: string | undefined, option: string): Partial<LoadPlan> {
  if (text === undefined) return {}
  const [, value, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? []
  if (value === undefined) throw wrong(`--${option}`, 'takes a share like 0.3 or 30%')
  return { [field]: Number(value) / (percent === '%' ? 100 : 1) }
}

function choice<T extends string>(
  field: keyof LoadPlan,
  text: string | undefined,
  values: readonly T[],
): Partial<LoadPlan> {
  if (text === undefined) return {}
  if (!values.includes(text as T)) throw wrong(`--${field}`, `takes ${values.join(' or ')}`)
  return { [field]: text }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw wrong('--ca', `${file} cannot be read: ${fileProblem(error)}`)
  }
}

function profileOf(name: string) {
  try {
    return readProfile(name)
  } catch (error) {
    if (error instanceof ProfileError) throw wrong('--profile:', error.message)
    throw error
  }
}

function thresholdsOf(texts: readonly (string | undefined)[]): Threshold[] {
  try {
    return parseSlo(texts.filter((text) => text !== undefined).join(','))
  } catch (error) {
    if (error instanceof SloError) throw wrong('--slo:', error.message)
    throw error
  }
}

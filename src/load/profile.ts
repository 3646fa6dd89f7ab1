import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Departure, LoadPlan } from './plan.ts'

/** A plan for a purpose, as it stands in a file: what differs from what is usual. */
export interface Profile {
  /** What it shows, in a sentence. */
  readonly about: string
  readonly plan: Partial<LoadPlan>
  /** Thresholds that make sense for it: `p99=50ms`. */
  readonly slo: string | undefined
}

/** Its message is a sentence for people. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError'
}

const SHIPPED = fileURLToPath(new URL('./profiles/', import.meta.url))

/** Names of the profiles that come with the package. */
export function shippedProfiles(): string[] {
  return readdirSync(SHIPPED)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort()
}

type Check = (value: unknown) => boolean

const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isNumbers: Check = (value) => Array.isArray(value) && value.every(isNumber)
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string)

/** The fields that a profile can set; what they may hold in detail is checked with the whole plan. */
const FIELDS: Readonly<Partial<Record<keyof LoadPlan, Check>>> = {
  rate: isNumber,
  arrivals: oneOf('poisson', 'fixed'),
  durationSeconds: isNumber,
  rampSeconds: isNumber,
  workers: isNumber,
  senders: isNumber,
  recipients: isNumber,
  offlineShare: isNumber,
  offlineSeconds: isNumber,
  slowShare: isNumber,
  slowPauseMs: isNumber,
  sizes: isNumbers,
  ttls: isNumbers,
  transport: oneOf('ws', 'http'),
  departures: (value) => Array.isArray(value) && value.every(isDeparture),
  inFlight: isNumber,
  answerSeconds: isNumber,
  drainSeconds: isNumber,
}

const DEPARTURE_FIELDS: Readonly<Record<keyof Departure, Check>> = {
  atSeconds: isNumber,
  everySeconds: (value) => value === undefined || isNumber(value),
  share: isNumber,
  awaySeconds: isNumber,
  who: oneOf('recipients', 'senders'),
}

function isDeparture(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const given = value as Record<string, unknown>
  const isKnown = Object.keys(given).every((name) => Object.hasOwn(DEPARTURE_FIELDS, name))
  return isKnown && Object.entries(DEPARTURE_FIELDS).every(([name, check]) => check(given[name]))
}

/**
 * Reads one that comes with the package by its name, or any by the path of its file.
 * @throws ProfileError with a sentence for people
 */
export function readProfile(nameOrPath: string): Profile {
  const isName = /^[\w-]+$/.test(nameOrPath)
  if (isName && !shippedProfiles().includes(nameOrPath)) {
    throw new ProfileError(`there is no profile ${nameOrPath}; there are: ${shippedProfiles().join(', ')}`)
  }
  let text: string
  try {
    text = readFileSync(isName ? `${SHIPPED}${nameOrPath}.json` : nameOrPath, 'utf8')
  } catch {
    throw new ProfileError(`the profile ${nameOrPath} cannot be read`)
  }
  return parseProfile(text, nameOrPath)
}

/** Reads the text of a profile. @throws ProfileError that names it */
export function parseProfile(text: string, name: string): Profile {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    throw new ProfileError(`the profile ${name} is not JSON`)
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ProfileError(`the profile ${name} is not a JSON object`)
  const { about, slo, ...plan } = given as Record<string, unknown>
  if (typeof about !== 'string') throw new ProfileError(`the profile ${name} does not say what it is about ("about")`)
  if (slo !== undefined && typeof slo !== 'string') throw new ProfileError(`"slo" in ${name} is not text like p99=50ms`)
  for (const [field, value] of Object.entries(plan)) {
    const check = Object.hasOwn(FIELDS, field) ? FIELDS[field as keyof LoadPlan] : undefined
    if (check === undefined)
      throw new ProfileError(
        `unknown field ${JSON.stringify(field)} in ${name}; there are: ${Object.keys(FIELDS).join(', ')}`,
      )
    if (!check(value)) throw new ProfileError(`${JSON.stringify(field)} in ${name} does not hold what it should`)
  }
  return { about, slo, plan: plan as Partial<LoadPlan> }
}

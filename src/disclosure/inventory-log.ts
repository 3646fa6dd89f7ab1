import type { FieldGroup } from './field.ts'

const WHEN: FieldGroup['fields'][string] = ['when it happened to the process or its store', 'operators look for causes']
const WHAT: FieldGroup['fields'][string] = ['what happened, as one of a few words', 'operators look for causes']
const LEVEL: FieldGroup['fields'][string] = ['how urgent it is', 'operators sort by it']
const AT_LEAST: FieldGroup['fields'][string] = [
  'how often within a minute at least, over all mailboxes',
  'operators see whether it goes on',
]
const ERROR: FieldGroup['fields'] = {
  errorName: ['class of the error', 'developers look for the mistake'],
  place: ['file and line in the software', 'developers look for the mistake'],
}

/** Each event: the fields of its line, besides level, time and event. None is about a person, a mailbox or an envelope. */
const EVENT_FIELDS: Readonly<Record<string, FieldGroup['fields']>> = {
  listening: {
    port: ['where it listens', 'supervisors and operators look there'],
    adminPort: ['where health and metrics are', 'supervisors and operators look there'],
    store: ['memory, node, sentinel or cluster', 'operators see what runs'],
    tls: ['whether TLS ends here', 'operators see what runs'],
    metricsExact: ['whether the metrics are live and exact', 'operators see what runs'],
    version: ['version of the software', 'operators see what runs'],
    commit: ['commit of the software', 'operators see what runs'],
  },
  draining: {
    signal: ['which signal asked for it', 'operators look for causes'],
    seconds: ['how long it may take', 'operators wait so long'],
  },
  stopped: {},
  'store-up': {},
  'store-down': {},
  'store-replaced': {},
  'store-fault': {
    fault: ['why the store failed, as one of a few words', 'operators repair it'],
    atLeast: AT_LEAST,
  },
  'unsafe-store': {
    by: ['which setting of the store is unsafe', 'operators mend it'],
    count: ['how many settings are', 'operators mend them'],
    used: ['whether the store is used all the same', 'operators see what runs'],
  },
  'certificate-reloaded': {},
  'certificate-not-reloaded': {},
  'internal-error': { ...ERROR, atLeast: AT_LEAST },
  crashed: ERROR,
}

/** What is logged. No line at any level is about one envelope, request, connection or mailbox. */
export const LOG_EVENT_FIELDS: readonly FieldGroup[] = Object.entries(EVENT_FIELDS).map(([part, fields]) => ({
  place: 'log',
  part,
  lives: 'log',
  seenBy: ['log'],
  fields: { level: LEVEL, time: WHEN, event: WHAT, ...fields },
}))

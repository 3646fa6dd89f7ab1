import type { Mutation, Setting } from './world.ts'

/** A setting by name, and whether steps between which nothing that matters can come are taken as one. */
export interface Case {
  readonly name: string
  readonly setting: Setting
  readonly isReduced: boolean
}

/** Two relays, each with a sender and a connection of the recipient; the first sender has two envelopes. */
const TWO_OF_EACH: Setting = {
  relayOfConnection: [0, 1],
  relayOfEnvelope: [0, 1, 0],
  mailboxOfConnection: [0, 0],
  mailboxOfEnvelope: [0, 0, 0],
  crashes: 0,
  opens: 2,
  repeats: 0,
  slots: 0,
  window: 3,
  capacity: 3,
  breaks: [],
  acknowledgesInOrder: true,
}

/** The whole: two of everything, three envelopes, two crashes, slots that change and expire, and buckets that are refilled. */
export const WHOLE: Case = {
  name: 'two crashes',
  setting: { ...TWO_OF_EACH, crashes: 2, slots: 2, breaks: ['relay', 'master'] },
  isReduced: true,
}

/** Each of the rest goes deeper somewhere. */
export const OTHERS: readonly Case[] = [
  {
    name: 'one crash of any kind',
    setting: {
      ...TWO_OF_EACH,
      crashes: 1,
      breaks: ['relay', 'subscription', 'connection', 'master', 'another store', 'replica'],
    },
    isReduced: true,
  },
  {
    name: 'expiry, repeated acknowledgements',
    setting: {
      ...TWO_OF_EACH,
      opens: 1,
      slots: 2,
      repeats: 1,
      crashes: 1,
      breaks: ['relay', 'master'],
      acknowledgesInOrder: false,
    },
    isReduced: true,
  },
  {
    name: 'two connections to one relay',
    setting: { ...TWO_OF_EACH, relayOfConnection: [0, 0], slots: 1, acknowledgesInOrder: false },
    isReduced: true,
  },
  {
    name: 'two recipients',
    setting: {
      ...TWO_OF_EACH,
      mailboxOfConnection: [0, 1],
      mailboxOfEnvelope: [0, 1, 1],
      crashes: 1,
      breaks: ['relay', 'master'],
    },
    isReduced: true,
  },
  {
    name: 'every step apart, small window and bucket',
    setting: { ...TWO_OF_EACH, opens: 1, window: 1, capacity: 2, acknowledgesInOrder: false },
    isReduced: false,
  },
  {
    name: 'every step apart, one crash of any kind',
    setting: {
      ...TWO_OF_EACH,
      unsent: [2],
      opens: 1,
      crashes: 1,
      breaks: ['relay', 'subscription', 'connection', 'master', 'another store', 'replica'],
    },
    isReduced: false,
  },
]

/** Those that the short form explores. */
export const SHORT: readonly Case[] = [
  {
    name: 'one crash',
    setting: { ...TWO_OF_EACH, crashes: 1, breaks: ['relay', 'master'] },
    isReduced: true,
  },
  {
    name: 'every step apart',
    setting: { ...TWO_OF_EACH, opens: 1, unsent: [2], crashes: 1, breaks: ['relay', 'master'] },
    isReduced: false,
  },
]

const ONE_ENVELOPE = { ...TWO_OF_EACH, unsent: [1, 2] }

/** For each planted fault a small setting that has what it takes to go wrong, every step apart. */
export const PLANTED: Readonly<Record<Mutation, Setting>> = {
  'id reused': { ...TWO_OF_EACH, opens: 1, repeats: 1, unsent: [1] },
  'read before subscribe': { ...ONE_ENVELOPE, opens: 1 },
  'acknowledged before stored': { ...ONE_ENVELOPE, opens: 0, crashes: 1, breaks: ['relay'] },
  'lost claim': { ...TWO_OF_EACH, unsent: [0, 1, 2] },
  'early delete': { ...ONE_ENVELOPE, opens: 1 },
  'handed to anybody': { ...ONE_ENVELOPE, opens: 1, mailboxOfEnvelope: [1, 0, 0] },
  'own wake-ups not counted by bucket': { ...TWO_OF_EACH, opens: 1, slots: 1, unsent: [2] },
  'cursor without base': { ...TWO_OF_EACH, opens: 1, unsent: [2] },
  'no question after a gap': { ...TWO_OF_EACH, unsent: [0, 1, 2], crashes: 1, breaks: ['subscription'] },
  'pushed while a page is under way': { ...TWO_OF_EACH, opens: 1 },
  'first ones move the cursor': TWO_OF_EACH,
}

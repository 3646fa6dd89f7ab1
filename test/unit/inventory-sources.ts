import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { Field } from '../../src/disclosure/field.ts'
import { INVENTORY } from '../../src/disclosure/inventory.ts'
import type { StoreListener } from '../../src/mailbox/mailbox-store.ts'
import { parseDepositAnswer, parseDepositFrame } from '../../src/protocol/deposit-frames.ts'
import { parseMailboxReply, parseMailboxRequest } from '../../src/protocol/mailbox-frames.ts'
import { dispatchMessage } from '../../src/store/redis/announcements.ts'

const SOURCE = new URL('../../../src/', import.meta.url)

/** Longer than any frame needs to be to be parsed with all of its fields. */
const MAX_FRAME_BYTES = 160

/** Rooms whose classes can hold something while a relay runs. */
const ROOMS = ['mailbox', 'store', 'ws', 'http', 'admission', 'ohttp', 'webpush', 'telemetry', 'disclosure']

/** `part | name` of everything in one place, or in those of its parts that are asked for. */
export function listed(place: Field['place'], isWanted: (part: string) => boolean = () => true): string[] {
  return INVENTORY.filter((field) => field.place === place && isWanted(field.part))
    .map(({ part, name }) => `${part} | ${name}`)
    .sort()
}

/** The frames that a parser takes, found by giving it every type in every length: `NAME | field`. */
function framesOf(parse: (frame: Uint8Array) => object, nameOf: (frame: Record<string, unknown>) => string): string[] {
  const found = new Set<string>()
  for (let type = 0; type < 256; type++) {
    for (let length = 1; length <= MAX_FRAME_BYTES; length++) {
      const frame = new Uint8Array(length)
      frame[0] = type
      let parsed: Record<string, unknown>
      try {
        parsed = parse(frame) as Record<string, unknown>
      } catch {
        continue
      }
      for (const field of Object.keys(parsed)) if (field !== 'kind') found.add(`${nameOf(parsed)} | ${field}`)
    }
  }
  return [...found].sort()
}

const kindOf = ({ kind }: Record<string, unknown>): string => String(kind).toUpperCase()

export const FRAMES = {
  mailboxReplies: () => framesOf(parseMailboxReply, kindOf),
  mailboxRequests: () => framesOf(parseMailboxRequest, kindOf),
  depositReplies: () => framesOf(parseDepositAnswer, kindOf),
  depositRequests: () => framesOf(parseDepositFrame, () => 'DEPOSIT'),
}

/** Kinds of message that relays take from a channel, and what they read out of each, found by giving them every type. */
export function messages(): string[] {
  const found = new Set<string>()
  const note = (kind: string, fields: readonly string[]) => {
    for (const field of ['type', 'wakeTag', ...fields]) found.add(`${kind} | ${field}`)
  }
  const listener: StoreListener = {
    wake: () => note('wake', ['sizeIndex', 'classIndex', 'expiresAt']),
    announced: (_wakeTag, kind) => note(kind, ['session']),
    up() {},
    down() {},
    replaced() {},
  }
  for (let type = 0; type < 256; type++) {
    for (let length = 1; length <= MAX_FRAME_BYTES; length++) {
      const message = Buffer.alloc(length)
      message[0] = type
      dispatchMessage(message, listener)
    }
  }
  return [...found].sort()
}

/** Private members of the classes in the rooms above, as `file#member`; those that can hold more than a number apart. */
export function members(): { all: Set<string>; holders: string[] } {
  const all = new Set<string>()
  const holders: string[] = []
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((name) => name.endsWith('.ts') && ROOMS.includes(name.split('/', 1)[0] as string))) {
    const text = readFileSync(new URL(file, SOURCE), 'utf8')
    for (const [, member, rest = ''] of text.matchAll(/^ {2}(?:static )?(?:readonly )?#(\w+)(?!\w*[(<])(.*)$/gm)) {
      all.add(`${file}#${member}`)
      const isFunction = rest.startsWith(': (')
      if (
        !isFunction &&
        /\b(Map|Set|Uint8Array|Float64Array|Buffer|randomBytes|string|Queue|Promise)\b|\[\]/.test(rest)
      )
        holders.push(`${file}#${member}`)
    }
  }
  return { all, holders: holders.sort() }
}

/** Runs `start` and notes every route that a server made by it has, as `METHOD path`. */
export async function routesOf<T>(start: () => Promise<T>): Promise<{ started: T; routes: string[] }> {
  const routes = new Set<string>()
  const watch = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const name of [method].flat()) routes.add(`${name} ${url}`)
    })
  }
  subscribe('fastify.initialization', watch)
  try {
    return { started: await start(), routes: [...routes].sort() }
  } finally {
    unsubscribe('fastify.initialization', watch)
  }
}

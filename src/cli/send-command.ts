import {
  createHttpDepositor,
  createSocketDepositor,
  type Depositor,
  getInfo,
  pad,
  type RelayInfo,
} from '../client/index.ts'
import { readAddress } from '../client/mailbox.ts'
import { readTtl } from '../protocol/retention.ts'
import { defineCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { describeFailure, Failure } from './failure.ts'
import { readChunks, readLines, readWhole } from './input.ts'
import { DEFAULT_RELAY, NodeWebSocket, RELAY_OPTION, SHORT_RETRY } from './relay-options.ts'

const MAX_WAITING_LINES = 1_000

export const sendCommand = defineCommand({
  name: 'send',
  summary: 'send a file or standard input to an address',
  positionals: { usage: 'ADDRESS [FILE]', min: 1, max: 2 },
  options: {
    relay: RELAY_OPTION,
    ttl: { value: 'SECONDS', help: "how long it should wait at most (default: the relay's choice, mostly one day)" },
    lines: { help: 'send every line of the input as a message of its own' },
  },
  about: `
Pads what it reads to one of the relay's sizes and deposits it for ADDRESS. It is done when the relay has stored it.

What you send should be encrypted already, by age for example: the relay's operator could read what is not. The relay
can also see where the padding begins; to hide the length from it too, pad before you encrypt.

With --lines the messages go over one connection in the order of the lines; an empty line is an empty message. A
connection that breaks is made again, and what was not answered is sent again: a message can then arrive twice.`,
  async run({ positionals: [addressText = '', file], values, flags }) {
    const relay = values.relay ?? DEFAULT_RELAY
    const address = parseAddressArgument(addressText)
    const ttlSeconds = parseTtlArgument(values.ttl)
    const info = await getInfo(relay, { retry: SHORT_RETRY })
    const maxBytes = Math.max(...info.envelopeBytes) - 1
    const target = { address, info, ...(ttlSeconds !== undefined && { ttlSeconds }) }
    if (flags.has('lines')) {
      const depositor = createSocketDepositor({ relay, WebSocket: NodeWebSocket, info, retry: SHORT_RETRY })
      await sendLines(depositor, readLines(readChunks(file), maxBytes), target)
    } else {
      const depositor = createHttpDepositor({ relay, retry: SHORT_RETRY })
      await send(depositor, await readWhole(readChunks(file), maxBytes), target)
    }
    return EXIT.ok
  },
})

interface Target {
  address: Uint8Array
  info: RelayInfo
  ttlSeconds?: number
}

async function send(depositor: Depositor, message: Uint8Array, { info, ...target }: Target): Promise<void> {
  await depositor.deposit({ ...target, envelope: pad(message, info.envelopeBytes) })
}

/** Sends as the input comes, a bounded number ahead of the answers, and stops at the first that fails. */
async function sendLines(depositor: Depositor, lines: AsyncIterable<Uint8Array>, target: Target): Promise<void> {
  const waiting: Promise<void>[] = []
  let number = 0
  try {
    for await (const line of lines) {
      number++
      waiting.push(sendLine(depositor, line, number, target))
      if (waiting.length > MAX_WAITING_LINES) await waiting.shift()
    }
    await Promise.all(waiting)
  } finally {
    depositor.close()
  }
}

function sendLine(depositor: Depositor, line: Uint8Array, number: number, target: Target): Promise<void> {
  const sent = send(depositor, line, target).catch((error: unknown) => {
    const { message, exitCode } = describeFailure(error)
    throw new Failure(exitCode, `line ${number} was not sent: ${message}`)
  })
  sent.catch(() => undefined) // awaited later; until then it is not unhandled
  return sent
}

function parseAddressArgument(text: string): Uint8Array {
  try {
    return readAddress(text)
  } catch {
    throw new Failure(EXIT.usage, 'lethe send: ADDRESS is 43 characters, as `lethe mailbox show` prints it')
  }
}

function parseTtlArgument(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ttlSeconds = readTtl(text)
  if (ttlSeconds === undefined) throw new Failure(EXIT.usage, 'lethe send: --ttl takes a whole number of seconds')
  return ttlSeconds
}

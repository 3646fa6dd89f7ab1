import { ClientError, getInfo, type RelayInfo, receive, unpad } from '../client/index.ts'
import { defineCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { Failure, fileProblem } from './failure.ts'
import { defaultMailboxFile, FILE_OPTION, readMailboxFile } from './mailbox-file.ts'
import { toLine } from './message-text.ts'
import { DEFAULT_RELAY, NodeWebSocket, RELAY_OPTION, SHORT_RETRY } from './relay-options.ts'

export const receiveCommand = defineCommand({
  name: 'receive',
  summary: 'write what waits in a mailbox to standard output',
  options: {
    file: FILE_OPTION,
    relay: RELAY_OPTION,
    follow: { help: 'stay, and write what comes from now on too; end with Ctrl-C' },
    raw: { help: 'write the bytes of the messages, one after the other, and nothing between them' },
  },
  about: `
Writes one message a line: its text where it is one line of UTF-8, with or without a line end of its own; else
"base64url:" and its bytes in base64url. The relay is told to erase a message only after standard output has taken it; what was not written stays at the relay and
comes again. Ends when all that waited has been written, unless it is to follow.`,
  async run({ values, flags }) {
    const relay = values.relay ?? DEFAULT_RELAY
    const mailbox = await readMailboxFile(values.file ?? defaultMailboxFile())
    const info = await getInfo(relay, { retry: SHORT_RETRY })
    const follow = flags.has('follow')
    const ending = new AbortController()
    const stop = (): void => ending.abort()
    process.once('SIGINT', stop).once('SIGTERM', stop)
    const messages = receive({
      relay,
      mailbox,
      WebSocket: NodeWebSocket,
      signal: ending.signal,
      untilDrained: !follow,
      ...(!follow && { retry: SHORT_RETRY }),
      onDisconnect: ({ retryInMs }) => {
        const seconds = Math.max(1, Math.round(retryInMs / 1_000))
        process.stderr.write(`the connection was lost, trying again in ${seconds} s\n`)
      },
    })
    try {
      for await (const { envelope, ack } of messages) {
        await write(envelope, { raw: flags.has('raw') })
        ack()
      }
    } catch (error) {
      throw explained(error, info)
    } finally {
      process.off('SIGINT', stop).off('SIGTERM', stop)
    }
    if (ending.signal.aborted && !follow) {
      throw new Failure(EXIT.failed, 'ended by a signal; what was not written stays at the relay')
    }
    return EXIT.ok
  },
})

/** Resolves when standard output has taken the message. */
async function write(envelope: Uint8Array, { raw }: { raw: boolean }): Promise<void> {
  let message: Uint8Array
  try {
    message = unpad(envelope)
  } catch {
    process.stderr.write('an envelope that holds no padded message was dropped\n')
    return
  }
  const output = raw ? message : `${toLine(message)}\n`
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(output, (error) => {
      if (!error) return resolve()
      const what = 'code' in error && error.code === 'EPIPE' ? 'was closed' : `takes no more: ${fileProblem(error)}`
      reject(new Failure(EXIT.failed, `standard output ${what}; what was not written stays at the relay`))
    })
  })
}

function explained(error: unknown, info: RelayInfo): unknown {
  if (!(error instanceof ClientError) || error.code !== 'ERR_SIGNATURE') return error
  return new Failure(
    EXIT.failed,
    `the relay goes by ${info.publicOrigins.join(', ')}: give it as one of these with --relay (${error.code})`,
  )
}

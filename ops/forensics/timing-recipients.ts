import { WebSocket } from 'ws'
import { connectMailboxes, loadMailbox } from '../../src/client/index.ts'

/**
 * A process of its own, so that it does not share a thread with whoever measures: opens the mailboxes that it is told,
 * acknowledges what comes, and reports the first envelope of each.
 */
process.once('message', ({ relay, mailboxes }: { relay: string; mailboxes: string[] }) => {
  for (const text of mailboxes) void receive(relay, text)
})

async function receive(relay: string, text: string): Promise<void> {
  const mailbox = loadMailbox(text)
  let isFirst = true
  for await (const envelope of connectMailboxes({ relay, WebSocket }).receive(mailbox)) {
    await envelope.ack()
    if (isFirst) process.send?.(mailbox.addressText)
    isFirst = false
  }
}

import { createMailbox } from '../client/index.ts'
import { defineCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { defaultMailboxFile, FILE_OPTION, readMailboxFile, writeMailboxFile } from './mailbox-file.ts'

export const mailboxNewCommand = defineCommand({
  name: 'mailbox new',
  summary: 'make a mailbox and print its address',
  options: {
    file: FILE_OPTION,
    force: { help: 'replace a mailbox that is there; what waits in it can then be read by nobody' },
  },
  about: `
Makes a key pair, writes it to a file that only you can read, and prints the address to standard output. Nothing is
sent to any relay: a mailbox exists there only while it holds something. Give the address to whoever may write to you;
make one mailbox per contact if they should not know that you are one person.`,
  async run({ values, flags }) {
    const file = values.file ?? defaultMailboxFile()
    const mailbox = createMailbox()
    await writeMailboxFile(file, mailbox, { replace: flags.has('force') })
    process.stdout.write(`${mailbox.addressText}\n`)
    return EXIT.ok
  },
})

export const mailboxShowCommand = defineCommand({
  name: 'mailbox show',
  summary: 'print the address of a mailbox',
  options: { file: FILE_OPTION, json: { help: 'print an object: address, file' } },
  about: `
Prints the address of a mailbox to standard output. The private key stays in the file.`,
  async run({ values, flags }) {
    const file = values.file ?? defaultMailboxFile()
    const { addressText } = await readMailboxFile(file)
    process.stdout.write(flags.has('json') ? `${JSON.stringify({ address: addressText, file })}\n` : `${addressText}\n`)
    return EXIT.ok
  },
})

#!/usr/bin/env node
import { readVersion } from '../version.ts'
import { auditCommand } from './audit-command.ts'
import type { Command } from './command.ts'
import { runConfigCommand } from './config-command.ts'
import { demoCommand } from './demo-command.ts'
import { discloseCommand } from './disclose-command.ts'
import { EXIT, EXIT_HELP } from './exit-codes.ts'
import { describeFailure, Failure } from './failure.ts'
import { healthcheckCommand } from './healthcheck-command.ts'
import { inventoryCommand } from './inventory-command.ts'
import { loadCommand } from './load-command.ts'
import { mailboxNewCommand, mailboxShowCommand } from './mailbox-commands.ts'
import { receiveCommand } from './receive-command.ts'
import { sendCommand } from './send-command.ts'
import { serveCommand } from './serve-command.ts'
import { shredCommand } from './shred-command.ts'

const COMMANDS: readonly Command[] = [
  serveCommand,
  { name: 'config', summary: 'print the configuration and where each value came from', run: runConfigCommand },
  mailboxNewCommand,
  mailboxShowCommand,
  sendCommand,
  receiveCommand,
  healthcheckCommand,
  auditCommand,
  discloseCommand,
  inventoryCommand,
  shredCommand,
  loadCommand,
  demoCommand,
]

/** Runs one command line, without the program's own name, and gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [first = '', second = ''] = args
  if (first === '--help' || first === '-h') {
    process.stdout.write(describeCommands(COMMANDS))
    return EXIT.ok
  }
  if (first === '--version') {
    process.stdout.write(`${readVersion().version}\n`)
    return EXIT.ok
  }
  for (const command of COMMANDS) {
    const words = command.name.split(' ')
    if (words.every((word, i) => word === args[i])) return await command.run(args.slice(words.length))
  }
  const family = COMMANDS.filter(({ name }) => name.startsWith(`${first} `))
  if (family.length > 0 && (second === '--help' || second === '-h')) {
    process.stdout.write(describeCommands(family))
    return EXIT.ok
  }
  throw new Failure(EXIT.usage, complaint(first, family))
}

function complaint(first: string, family: readonly Command[]): string {
  if (first === '') return 'a command is missing (see: lethe --help)'
  if (family.length > 0) return `lethe ${first}: say which: ${family.map(({ name }) => `lethe ${name}`).join(', ')}`
  const what = first.startsWith('-') ? 'option' : 'command'
  return `unknown ${what} ${JSON.stringify(first)} (see: lethe --help)`
}

function describeCommands(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const rows = commands.map(({ name, summary }) => `  lethe ${name.padEnd(width)}  ${summary}\n`).join('')
  return `Lethe, a message relay that forgets.\n\n${rows}\nlethe COMMAND --help says more. lethe --version prints the version.\n\n${EXIT_HELP}`
}

// Whoever reads what is written here may stop reading; where that matters, the write itself says so.
process.stdout.on('error', () => undefined)
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { message, exitCode } = describeFailure(error)
  process.stderr.write(`${message}\n`)
  process.exitCode = exitCode
}

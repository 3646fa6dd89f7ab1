import type { Redis } from 'ioredis'
import type { UserRights } from '../../mailbox/store-facts.ts'
import { AUDIT_COMMANDS, RELAY_COMMANDS, TOPOLOGY_COMMANDS } from './commands.ts'
import { partitionChannel } from './keys.ts'
import { unlessRefused } from './node-settings.ts'

/** Name, least number of words (its own included), flags, …, subcommands; as COMMAND INFO gives them. */
type CommandInfo = [string, number, string[], number, number, number, string[], unknown, unknown, CommandInfo[]]

/** A name that is of the relay's, so that only the command itself can be refused. */
const OWN_NAME = partitionChannel(0)
/** Names that are not, from quite different ones to the nearest. */
const OTHER_NAMES = [
  '',
  'a',
  'user:1',
  'lethe',
  'lethe:1',
  'lethe1',
  'lethe2:{000}:w',
  'lethe10:{000}:w',
  'xlethe1:{000}',
]

const REFUSED_COMMAND = /no permissions to run the '/
/** Commands that Redis lets everybody run. */
const ALWAYS_ALLOWED = 'no_auth'

/**
 * Tries, without doing any of it, what this connection's user may do: every command that this Redis has, and names of
 * keys and channels that it should not reach.
 * @returns undefined where the user may not ask
 */
export async function readRights(client: Redis, db: number): Promise<UserRights | undefined> {
  const user = (await unlessRefused(client.call('ACL', 'WHOAMI'))) as string | undefined
  const commands = (await unlessRefused(client.call('COMMAND', 'INFO'))) as CommandInfo[] | undefined
  if (user === undefined || commands === undefined) return undefined
  const tries = commands.flatMap(leavesOf).filter(([, , flags]) => !flags.includes(ALWAYS_ALLOWED))
  const words = tries.map(([name, arity]) => callOf(name, arity))
  const answers = await tryAll(client, user, words)
  if (answers === undefined) return undefined
  const allowed = new Set(tries.flatMap(([name], i) => (REFUSED_COMMAND.test(answers[i] as string) ? [] : [name])))
  const needed: readonly string[] = db === 0 ? RELAY_COMMANDS : [...RELAY_COMMANDS, 'select']
  const harmless = new Set<string>([...needed, ...TOPOLOGY_COMMANDS, ...AUDIT_COMMANDS])
  return {
    excess: [...allowed].filter((name) => !harmless.has(name)).sort(),
    missing: needed.filter((name) => !allowed.has(name)),
    reachesOtherKeys: await isAnyAllowed(client, user, [
      ...OTHER_NAMES.map((name) => ['XADD', name, '*', 'e', '']),
      ...OTHER_NAMES.map((name) => ['XRANGE', name, '-', '+']),
    ]),
    reachesOtherChannels: await isAnyAllowed(client, user, [
      ...OTHER_NAMES.map((name) => ['SPUBLISH', name, '']),
      ...OTHER_NAMES.map((name) => ['SSUBSCRIBE', name]),
    ]),
  }
}

/** A command's subcommands, or itself where it has none. */
function leavesOf(command: CommandInfo): CommandInfo[] {
  const subcommands = command[9]
  return subcommands.length > 0 ? subcommands : [command]
}

function callOf(name: string, arity: number): string[] {
  const words = name.split('|')
  return [...words, ...Array.from({ length: Math.max(0, Math.abs(arity) - words.length) }, () => OWN_NAME)]
}

async function isAnyAllowed(client: Redis, user: string, calls: readonly string[][]): Promise<boolean> {
  return (await tryAll(client, user, calls))?.includes('OK') ?? false
}

/** What ACL DRYRUN says to each call; undefined where the user may not ask it. */
async function tryAll(client: Redis, user: string, calls: readonly string[][]): Promise<string[] | undefined> {
  const pipeline = client.pipeline()
  for (const call of calls) pipeline.call('ACL', 'DRYRUN', user, ...call)
  const replies = (await pipeline.exec()) ?? []
  const answers = replies.map(([error, answer]) => (error === null ? String(answer) : error.message))
  return answers.some((answer) => answer.startsWith('NOPERM')) ? undefined : answers
}

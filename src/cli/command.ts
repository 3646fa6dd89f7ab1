import { parseArgs } from 'node:util'
import { readAddress } from '../client/mailbox.ts'
import { EXIT, EXIT_HELP } from './exit-codes.ts'
import { Failure } from './failure.ts'

/** A command as the command table knows it. */
export interface Command {
  /** One word, or two: `mailbox new`. */
  readonly name: string
  readonly summary: string
  /** @param args what follows the name. @returns the exit code */
  run(args: string[]): Promise<number>
}

/** One option: with `value` it takes one, and that is the value's name in the help. */
export interface OptionSpec {
  readonly value?: string
  /** Whether the value is 32 bytes in base64url, one in 64 of which begins with a hyphen. */
  readonly isKey?: true
  readonly help: string
}

/** What the command line said. */
export interface CommandInput<Name extends string> {
  readonly positionals: readonly string[]
  /** Values of the options that take one. */
  readonly values: Readonly<Partial<Record<Name, string>>>
  /** Which of the others were given. */
  readonly flags: ReadonlySet<Name>
}

export interface CommandSpec<Name extends string> {
  readonly name: string
  readonly summary: string
  /** What follows the name in the usage line: `ADDRESS [FILE]`. */
  readonly positionals?: { readonly usage: string; readonly min: number; readonly max: number }
  readonly options: Readonly<Record<Name, OptionSpec>>
  /** Further paragraphs of the help. */
  readonly about: string
  run(input: CommandInput<Name>): Promise<number>
}

/** A command that reads its arguments by a table, and explains itself by the same table. */
export function defineCommand<Name extends string>(spec: CommandSpec<Name>): Command {
  return {
    name: spec.name,
    summary: spec.summary,
    async run(args) {
      const input = readInput(spec, args)
      if (input !== 'help') return await spec.run(input)
      process.stdout.write(describe(spec))
      return EXIT.ok
    },
  }
}

/** @throws Failure (64) for a command line that the table does not allow */
function readInput<Name extends string>(spec: CommandSpec<Name>, args: string[]): CommandInput<Name> | 'help' {
  const wrong = (what: string): Failure =>
    new Failure(EXIT.usage, `lethe ${spec.name}: ${what} (see: lethe ${spec.name} --help)`)
  const options = Object.fromEntries(
    Object.entries<OptionSpec>(spec.options).map(([name, option]) => [
      name,
      { type: option.value ? ('string' as const) : ('boolean' as const) },
    ]),
  )
  const keyOptions = Object.entries<OptionSpec>(spec.options).flatMap(([name, { isKey }]) =>
    isKey ? [`--${name}`] : [],
  )
  const isAddress = (argument: string, at: number): boolean =>
    isDashedAddress(argument) && !keyOptions.includes(args[at - 1] ?? '')
  const addresses = args.filter(isAddress)
  const { tokens } = parseArgs({
    args: args.filter((argument, at) => !isAddress(argument, at)),
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const positionals = [...addresses]
  const values: Partial<Record<string, string>> = {}
  const flags = new Set<Name>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (token.name === 'help') return 'help'
    const option = options[token.name]
    if (option === undefined) throw wrong(`unknown option ${token.rawName}`)
    const needsValue = option.type === 'string'
    const isDashed = !token.inlineValue && /^-./.test(token.value ?? '')
    const isMissing = token.value === undefined || (isDashed && !isDashedAddress(token.value))
    if (needsValue && isMissing) throw wrong(`${token.rawName} needs a value`)
    if (!needsValue && token.value !== undefined) throw wrong(`${token.rawName} takes no value`)
    if (token.value === undefined) flags.add(token.name as Name)
    else values[token.name] = token.value
  }
  const { min, max, usage } = spec.positionals ?? { min: 0, max: 0, usage: 'no arguments' }
  if (positionals.length < min) throw wrong(`it needs ${usage}`)
  if (positionals.length > max) throw wrong(`too many arguments, it takes ${usage}`)
  return { positionals, values: values as CommandInput<Name>['values'], flags }
}

/** One address in 64 begins with a hyphen, and is an address nevertheless. */
function isDashedAddress(argument: string): boolean {
  if (!argument.startsWith('-')) return false
  try {
    readAddress(argument)
    return true
  } catch {
    return false
  }
}

function describe<Name extends string>(spec: CommandSpec<Name>): string {
  const usage = ['Usage: lethe', spec.name, spec.positionals?.usage, '[options]'].filter(Boolean).join(' ')
  const rows = Object.entries<OptionSpec>(spec.options).map(([name, { value, help }]) => [
    value ? `--${name} ${value}` : `--${name}`,
    help,
  ])
  rows.push(['--help', 'print this text'])
  const width = Math.max(...rows.map(([left = '']) => left.length))
  const options = rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}\n`).join('')
  return `${usage}\n\n${spec.about.trim()}\n\nOptions:\n${options}\n${EXIT_HELP}`
}

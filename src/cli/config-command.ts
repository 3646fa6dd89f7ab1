import { parseArgs } from 'node:util'
import { ConfigError, loadConfig } from '../config/config.ts'
import { readEnvironment } from '../config/env.ts'
import { type ConfigLine, describeConfig, describeVariables } from '../config/print.ts'

/** Exit codes of sysexits.h. */
const EX_USAGE = 64
const EX_CONFIG = 78

const USAGE = `Usage: lethe config [--json]

Prints every variable with its value and where it came from. Secrets are masked.
Starts nothing; exits with ${EX_CONFIG} where the relay would refuse this configuration.

  --json   print an array of objects: variable, value, origin, takes
  --help   print this text

Variables:
`

/**
 * `lethe config`: prints the configuration of this environment, or what is wrong with it.
 * @param args what follows the command's name
 * @returns the exit code: 0, 64 for arguments it does not know, 78 for a configuration that cannot be used
 */
export async function runConfigCommand(args: string[]): Promise<number> {
  const options = readOptions(args)
  if (options === undefined) {
    process.stderr.write('lethe config takes --json and --help only.\n')
    return EX_USAGE
  }
  if (options.help) {
    process.stdout.write(USAGE + formatVariables())
    return 0
  }
  try {
    const lines = describeConfig(loadConfig(readEnvironment()))
    process.stdout.write(options.json ? `${JSON.stringify(lines, null, 2)}\n` : formatTable(lines))
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const { message } of error.problems) process.stderr.write(`${message}\n`)
    return EX_CONFIG
  }
}

function readOptions(args: string[]): { json?: boolean; help?: boolean } | undefined {
  try {
    return parseArgs({ args, options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values
  } catch {
    return undefined
  }
}

/** Three columns, as wide as their longest text. */
function formatTable(lines: readonly ConfigLine[]): string {
  const cells = [['VARIABLE', 'VALUE', 'FROM'], ...lines.map((line) => [line.variable, line.value, line.origin])]
  const widths = [0, 1].map((column) => Math.max(...cells.map((row) => (row[column] as string).length)))
  return cells
    .map(
      ([variable = '', value = '', origin = '']) =>
        `${pad(variable, widths[0])}  ${pad(value, widths[1])}  ${origin}\n`,
    )
    .join('')
}

function formatVariables(): string {
  return describeVariables()
    .map((row) => `  ${row.variable} (${row.default})\n      ${row.takes}\n`)
    .join('')
}

function pad(text: string, width = 0): string {
  return text.padEnd(width)
}

import { spawn } from 'node:child_process'

const NEWLINE = 0x0a

/** redis-cli's own quoting, so that an argument can hold any bytes. */
function quoted(argument: string | Buffer): string {
  const bytes = typeof argument === 'string' ? Buffer.from(argument, 'utf8') : argument
  return `"${bytes.toString('hex').replace(/../g, '\\x$&')}"`
}

/**
 * Runs one redis-cli on 127.0.0.1 and gives what it wrote, without the newline it adds. Rejects on an error reply and
 * where nothing answers, with redis-cli's own words.
 */
export function redisCli(port: number, args: readonly (string | Buffer)[]): Promise<Buffer> {
  const commandLine = ['-h', '127.0.0.1', '-p', String(port), '-e']
  const plain = args.every((argument): argument is string => typeof argument === 'string')
  if (plain) commandLine.push(...args)
  else commandLine.push('--quoted-input', ...args.map(quoted))
  return new Promise((resolve, reject) => {
    const child = spawn('redis-cli', commandLine, { stdio: ['ignore', 'pipe', 'pipe'] })
    const output: Buffer[] = []
    let complaint = ''
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint += chunk
    })
    child.once('error', reject)
    child.once('close', (code) => {
      const bytes = Buffer.concat(output)
      if (code !== 0) {
        reject(new Error(`redis-cli ${args[0]} failed (${code}): ${complaint.trim()}${bytes.toString('utf8').trim()}`))
      } else {
        resolve(bytes.at(-1) === NEWLINE ? bytes.subarray(0, -1) : bytes)
      }
    })
  })
}

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { ClientError, exportMailbox, loadMailbox, type Mailbox } from '../client/index.ts'
import { EXIT } from './exit-codes.ts'
import { Failure, fileProblem } from './failure.ts'

export const FILE_OPTION = { value: 'FILE', help: 'the mailbox file (default: ~/.lethe/mailbox.json)' } as const

const GROUP_AND_OTHERS = 0o077

export function defaultMailboxFile(): string {
  return join(homedir(), '.lethe', 'mailbox.json')
}

/**
 * Writes a mailbox where only its owner can read it, whole or not at all.
 * @throws Failure (1) where there is such a file already and it is not to be replaced, or it cannot be written
 */
export async function writeMailboxFile(file: string, mailbox: Mailbox, { replace = false } = {}): Promise<void> {
  const text = `${exportMailbox(mailbox)}\n`
  const options = { mode: 0o600, flag: 'wx' }
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    if (!replace) return await writeFile(file, text, options)
    const draft = `${file}.${randomBytes(6).toString('hex')}`
    await writeFile(draft, text, options)
    await rename(draft, file)
  } catch (error) {
    const isThere = (error as { code?: string }).code === 'EEXIST'
    const why = isThere ? 'there is one already, and it would be lost (--force replaces it)' : fileProblem(error)
    throw new Failure(EXIT.failed, `the mailbox was not written to ${file}: ${why}`)
  }
}

/**
 * Reads a mailbox file, and warns on standard error where others can read it too.
 * @throws Failure (78)
 */
export async function readMailboxFile(file: string): Promise<Mailbox> {
  try {
    const mailbox = loadMailbox(await readFile(file, 'utf8'))
    const { mode } = await stat(file)
    if (process.platform !== 'win32' && (mode & GROUP_AND_OTHERS) !== 0) {
      process.stderr.write(`warning: others can read ${file}, which holds a private key; run: chmod 600 ${file}\n`)
    }
    return mailbox
  } catch (error) {
    const isMissing = (error as { code?: string }).code === 'ENOENT'
    const why = error instanceof ClientError ? 'it is no mailbox file' : fileProblem(error)
    const hint = isMissing ? ' (make one with: lethe mailbox new)' : ''
    throw new Failure(EXIT.config, `the mailbox file ${file} cannot be read: ${why}${hint}`)
  }
}

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import type { Config } from '../config/config.ts'
import { readSecretFile } from '../config/files.ts'
import { parseStoreTarget, type StoreTarget } from '../config/store-target.ts'
import { InvalidValueError } from '../config/values.ts'
import { type CommandInput, defineCommand } from './command.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { readConfig } from './read-config.ts'
import { type ShredReport, shredJson, shredText } from './shred-report.ts'
import { planSecrets } from './shred-secret.ts'

type Option = 'yes' | 'json' | 'redis-url-file' | 'keep-secret' | 'reachable-only'

const WORD = 'erase'

export const shredCommand = defineCommand<Option>({
  name: 'shred',
  summary: 'emergency: erase all that waits in Redis, and replace the secret',
  options: {
    yes: { help: 'do not ask' },
    json: { help: 'print one object: outcome, storeSecret, nodes before and after, what is left to do' },
    'redis-url-file': {
      value: 'FILE',
      help: 'file with a URL like LETHE_REDIS_URL whose user may erase (users.acl: shred)',
    },
    'keep-secret': { help: 'leave storeSecret to you; it counts as left to do' },
    'reachable-only': { help: 'go on where some nodes cannot be erased; they count as left to do' },
  },
  about: `
Stop every relay first. Then run this with the same LETHE_ variables. It makes sure that no relay is connected to any
node, replaces storeSecret in the file of LETHE_STORE_SECRET_FILE (and empties that of LETHE_STORE_SECRETS_READ_FILE),
erases every key of every database on all masters and replicas, writes over their replication backlogs, empties their
logs, and looks again. Nobody gets any of it back.

Nothing is changed unless every node answers, the secret can be replaced, and no relay is connected.

Ends with ${EXIT.ok} where nothing is left, with ${EXIT.failed} where something is left to do, and with ${EXIT.tryAgainLater} where nothing was changed;
the report says why.`,
  run: shred,
})

async function shred({ flags, values }: CommandInput<Option>): Promise<ExitCode> {
  const config = readConfig()
  const target = readTarget(config, values['redis-url-file'])
  const secrets = flags.has('keep-secret') ? undefined : planSecrets(config)
  // Loaded here, since the other commands start faster without Redis.
  const { openShredding } = await import('./shredding.ts')
  const shredding = await openShredding({
    target,
    ca: config.redisCaFile === undefined ? undefined : readFileSync(config.redisCaFile, 'utf8'),
    relayUser: (config.store.kind === 'memory' ? undefined : config.store.username) ?? 'default',
    secrets,
    isPartial: flags.has('reachable-only'),
  })
  const print = (report: ShredReport) => process.stdout.write(flags.has('json') ? shredJson(report) : shredText(report))
  try {
    const refusal = await shredding.findRefusal()
    if (refusal !== undefined) {
      print(refusal)
      return EXIT.tryAgainLater
    }
    if (!flags.has('yes')) await confirm(shredding.describe())
    const report = await shredding.run()
    print(report)
    return report.outcome === 'erased' ? EXIT.ok : report.outcome === 'refused' ? EXIT.tryAgainLater : EXIT.failed
  } finally {
    shredding.close()
  }
}

/** @throws Failure (64, 78) */
function readTarget({ store }: Config, file: string | undefined): Exclude<StoreTarget, { kind: 'memory' }> {
  if (store.kind === 'memory') {
    throw new Failure(EXIT.config, 'LETHE_REDIS_URL is not set: what the memory store holds goes when its relay stops')
  }
  if (file === undefined) return store
  try {
    const target = parseStoreTarget(readSecretFile(file))
    if (target.kind !== 'memory') return target
    throw new InvalidValueError('is empty')
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error
    throw new Failure(EXIT.usage, `lethe shred: what --redis-url-file names ${error.message}`)
  }
}

/** @throws Failure (75) unless the word is typed */
async function confirm(what: string): Promise<void> {
  const lines = createInterface({ input: process.stdin, terminal: false })
  process.stderr.write(`${what}\nNobody gets any of it back. Type ${WORD} to go on: `)
  const { value } = await lines[Symbol.asyncIterator]().next()
  lines.close()
  if (value?.trim() !== WORD) throw new Failure(EXIT.tryAgainLater, '\nnothing was changed')
}

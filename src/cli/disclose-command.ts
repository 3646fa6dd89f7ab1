import type { Config } from '../config/config.ts'
import { PresenceQuestion } from '../disclosure/ask-presence.ts'
import { createDisclosure, type DisclosureFacts } from '../disclosure/disclose.ts'
import type { Disclosure, Presence } from '../disclosure/disclosure.ts'
import { disclosureText } from '../disclosure/disclosure-text.ts'
import { findWaiting } from '../disclosure/find-waiting.ts'
import { NOT_HELD } from '../disclosure/not-held.ts'
import { createRefusal, refusalText } from '../disclosure/refusal.ts'
import { StoreUnavailableError } from '../mailbox/mailbox-store.ts'
import { addressOf } from '../mailbox/proof.ts'
import { parseAddress } from '../protocol/address.ts'
import { MalformedError } from '../protocol/bytes.ts'
import { readVersion } from '../version.ts'
import { type Command, type CommandInput, defineCommand } from './command.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { readConfig } from './read-config.ts'

type Option = 'address' | 'public-key' | 'text' | 'ask-connected' | 'include-ciphertext'

const NOT_HELD_OPTIONS = NOT_HELD.flatMap(({ options }) => options.map((name) => `--${name}`))

const lookUpCommand = defineCommand<Option>({
  name: 'disclose',
  summary: 'write all that this relay holds about one address',
  options: {
    address: { value: 'ADDRESS', isKey: true, help: 'the address, as `lethe mailbox show` prints it' },
    'public-key': { value: 'KEY', isKey: true, help: 'in its place: the public key of the mailbox, in base64url' },
    text: { help: 'write plain words for counsel (default: JSON)' },
    'ask-connected': { help: 'ask the running relays whether a socket has the mailbox open' },
    'include-ciphertext': { help: 'add the envelopes themselves, as encrypted by their senders' },
  },
  about: `
For an operator who was served with a request. Reads the store of this environment as the relay does (the same LETHE_
variables, the secrets included), changes nothing in it, and writes one document to standard output: JSON as in
docs/disclosure.schema.json, or text. docs/lawful-requests.md says which request is answered with what.

Nothing but an address can be looked up. Asked for anything else, it writes that there is no such thing to look up, and
why, and ends with ${EXIT.notHeld}:
${inLines(NOT_HELD_OPTIONS)}

With the embedded memory store the document says that only the running process could tell, and the command ends with
${EXIT.failed}.`,
  run: lookUp,
})

/** `lethe disclose`: what is asked for and is not held is answered before anything else, whatever else was asked. */
export const discloseCommand: Command = {
  ...lookUpCommand,
  async run(args) {
    const inVain = NOT_HELD_OPTIONS.filter((option) =>
      args.some((arg) => arg === option || arg.startsWith(`${option}=`)),
    )
    if (inVain.length === 0 || args.includes('--help')) return await lookUpCommand.run(args)
    const refusal = createRefusal(inVain.map((option) => option.slice(2)))
    process.stdout.write(args.includes('--text') ? refusalText(refusal) : toJson(refusal))
    return EXIT.notHeld
  },
}

async function lookUp({ values, flags }: CommandInput<Option>): Promise<ExitCode> {
  const asked = readAsked(values)
  const config = readConfig()
  const includeCiphertext = flags.has('include-ciphertext')
  const facts = await search(config, asked.address, includeCiphertext, flags.has('ask-connected'))
  const document = createDisclosure({ ...describeRelay(config), ...asked, ...facts, includeCiphertext })
  process.stdout.write(flags.has('text') ? disclosureText(document) : toJson(document))
  if (document.waiting !== null) return EXIT.ok
  throw new Failure(EXIT.failed, 'the memory store can be read by its own process only (LETHE_REDIS_URL is not set)')
}

/** @throws Failure (64) */
function readAsked(values: CommandInput<Option>['values']): { address: Uint8Array; publicKey?: Uint8Array } {
  const { address, 'public-key': publicKey } = values
  if ((address === undefined) === (publicKey === undefined)) {
    throw new Failure(EXIT.usage, 'lethe disclose: give --address or --public-key (see: lethe disclose --help)')
  }
  if (publicKey === undefined) return { address: parseKey('address', address as string) }
  const key = parseKey('public-key', publicKey)
  return { address: addressOf(key), publicKey: key }
}

function parseKey(option: Option, text: string): Uint8Array {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof MalformedError) {
      throw new Failure(EXIT.usage, `lethe disclose: --${option} takes 43 characters of base64url`)
    }
    throw error
  }
}

type SearchFacts = Pick<DisclosureFacts, 'found' | 'readFromSeconds' | 'readUntilSeconds' | 'presence'>

/** @throws Failure (75) */
async function search(
  config: Config,
  address: Uint8Array,
  includeCiphertext: boolean,
  askConnected: boolean,
): Promise<SearchFacts> {
  const { store: target } = config
  if (target.kind === 'memory') {
    const nowSeconds = Math.floor(Date.now() / 1000)
    return { found: undefined, readFromSeconds: nowSeconds, readUntilSeconds: nowSeconds, presence: 'cannot be asked' }
  }
  // Loaded here, since the other commands start faster without Redis.
  const { redisSecrets, withRedisStore } = await import('./open-store.ts')
  const secrets = redisSecrets(config)
  const question = new PresenceQuestion()
  try {
    return await withRedisStore({ ...config, store: target }, question, async (store) => {
      const found = await findWaiting(store, secrets, address, includeCiphertext ? 'ciphertext' : 'lengths')
      const isOpen = askConnected ? await question.ask(store, secrets, address) : undefined
      const presence: Presence = isOpen === undefined ? 'not asked' : isOpen ? 'open' : 'no answer'
      return { ...found, presence }
    })
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    throw new Failure(EXIT.tryAgainLater, 'the store of LETHE_REDIS_URL did not answer; nothing was written')
  }
}

function describeRelay(config: Config): Pick<Disclosure, 'relay' | 'configuration'> {
  const { envelopeBytes, defaultTtlSeconds, maxTtlSeconds, bucketBytes, wakeBits, redisMinReplicas, logLevel } = config
  return {
    relay: {
      software: { name: 'lethe', ...readVersion() },
      operator: {
        name: config.operatorName ?? null,
        jurisdiction: config.operatorJurisdiction ?? null,
        contact: config.operatorContact ?? null,
      },
      publicOrigins: config.publicOrigins,
    },
    configuration: {
      store: config.store.kind,
      envelopeBytes,
      defaultTtlSeconds,
      maxTtlSeconds,
      bucketBytes,
      readOnlySecrets: config.storeSecretsRead.length,
      wakeBits,
      redisMinReplicas,
      logLevel,
      metricsExact: config.metricsExact,
      allowUnsafeStore: config.allowUnsafeStore,
    },
  }
}

function toJson(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

function inLines(words: readonly string[]): string {
  const half = Math.ceil(words.length / 2)
  return [words.slice(0, half), words.slice(half)].map((line) => `  ${line.join(' ')}`).join('\n')
}

import { isEqualBytes, MalformedError, parseBase64url } from '../protocol/bytes.ts'
import { Secret } from './secrets.ts'
import { InvalidValueError } from './values.ts'

const MIN_SECRET_BYTES = 32

/** How an operator makes a storeSecret; errors and the documentation show it. */
export const MAKE_SECRET_COMMAND = `node -e "console.log(require('node:crypto').randomBytes(32).toString('base64url'))"`

type StoreSecret = Secret<Uint8Array>

/** One storeSecret: at least 32 bytes as unpadded base64url. [protocol §1] @throws InvalidValueError */
export function parseStoreSecret(text: string): StoreSecret {
  const bytes = parseBytes(text)
  if (bytes.length < MIN_SECRET_BYTES) throw new InvalidValueError('holds a secret of less than 32 bytes')
  return new Secret(bytes)
}

/** Any number of storeSecrets, separated by commas or line ends. [protocol §1] @throws InvalidValueError */
export function parseStoreSecrets(text: string): readonly StoreSecret[] {
  const items = text.split(/[,\n]/).map((item) => item.trim())
  const secrets = items.filter((item) => item !== '').map(parseStoreSecret)
  if (hasDuplicates(secrets)) throw new InvalidValueError('lists a secret twice')
  return secrets
}

export function hasDuplicates(secrets: readonly StoreSecret[]): boolean {
  return secrets.some((a, i) => secrets.slice(i + 1).some((b) => isEqualBytes(a.reveal(), b.reveal())))
}

function parseBytes(text: string): Uint8Array {
  try {
    return parseBase64url(text)
  } catch (error) {
    if (error instanceof MalformedError) throw new InvalidValueError('is not base64url without padding')
    throw error
  }
}

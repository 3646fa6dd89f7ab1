import { randomBytes } from 'node:crypto'
import type { Config } from '../config/config.ts'
import { readEnvironment } from '../config/env.ts'
import { checkReplaceable, replaceSecretFile } from '../config/replace-secret.ts'
import { fileProblem } from './failure.ts'
import type { SecretFate } from './shred-report.ts'

const SECRET_BYTES = 32

/** The files with secrets, and what each is to hold then; or why that cannot be done, a line for each reason. */
export interface SecretPlan {
  readonly files: readonly { readonly name: string; readonly path: string; readonly text: string }[]
  readonly problems: readonly string[]
}

/** A new live secret, and no read-only ones any more. */
export function planSecrets({ valueOrigins }: Pick<Config, 'valueOrigins'>): SecretPlan {
  const rows = [
    { key: 'storeSecret', name: 'LETHE_STORE_SECRET', text: `${randomBytes(SECRET_BYTES).toString('base64url')}\n` },
    { key: 'storeSecretsRead', name: 'LETHE_STORE_SECRETS_READ', text: '' },
  ] as const
  const used = rows.filter(({ key }) => valueOrigins[key] !== 'default')
  const inVariables = used.filter(({ key }) => valueOrigins[key] === 'environment')
  const files = used
    .filter((row) => !inVariables.includes(row))
    .map(({ name, text }) => ({ name: `${name}_FILE`, path: readEnvironment()[`${name}_FILE`] as string, text }))
  return {
    files,
    problems: [
      ...inVariables.map(
        ({ name }) =>
          `${name} is a variable, which cannot be replaced from here: put the secret into a file that ${name}_FILE ` +
          'names, or give --keep-secret and replace it yourself',
      ),
      ...files.flatMap(({ name, path }) => {
        const problem = findProblem(() => checkReplaceable(path))
        return problem === undefined ? [] : [`the file of ${name} cannot be written: ${problem}`]
      }),
    ],
  }
}

/** Carries out a plan. @returns also what went wrong, a line for each file */
export function replaceSecrets({ files }: SecretPlan): { fate: SecretFate; left: string[] } {
  let fate: SecretFate = 'replaced'
  const left: string[] = []
  for (const { name, path, text } of files) {
    const problem = findProblem(() => {
      if (replaceSecretFile(path, text) === 'in place' && fate === 'replaced') fate = 'replaced in place'
    })
    if (problem === undefined) continue
    fate = 'not replaced'
    left.push(`the file of ${name} could not be replaced (${problem}): destroy it, and make a new secret`)
  }
  return { fate, left }
}

function findProblem(operation: () => void): string | undefined {
  try {
    operation()
  } catch (error) {
    return fileProblem(error)
  }
  return undefined
}

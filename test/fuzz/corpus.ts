import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const FOLDER = new URL('../../../test/fuzz/corpus/', import.meta.url)
const MOST_INPUTS = 64

const fileOf = (name: string) => new URL(`${name.replaceAll(' ', '-')}.txt`, FOLDER)

/** Inputs that were kept for a parser: one a line, in base64url. */
export function readCorpus(name: string): Uint8Array[] {
  const file = fileOf(name)
  if (!readdirSync(FOLDER).includes(file.pathname.slice(FOLDER.pathname.length))) return []
  return readFileSync(file, 'latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) => Buffer.from(line, 'base64url'))
}

/** Keeps a corpus, shortest inputs first, and not more than there is a use for. */
export function writeCorpus(name: string, inputs: readonly Uint8Array[]): void {
  const lines = inputs.slice(0, MOST_INPUTS).map((input) => `${Buffer.from(input).toString('base64url')}\n`)
  writeFileSync(fileOf(name), lines.join(''))
}

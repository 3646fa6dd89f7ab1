import { readFileSync, writeFileSync } from 'node:fs'

const DOCUMENT = new URL('../../../docs/threat-model.md', import.meta.url)

/**
 * Puts what a script has found into docs/threat-model.md, with the command that finds it again, between
 * `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
 * @throws Error if the document has no such place
 */
export function writeIntoDocument(name: string, command: string, text: string): void {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const [before, rest] = splitAt(readFileSync(DOCUMENT, 'utf8'), begin)
  const [, after] = splitAt(rest, end)
  const day = new Date().toISOString().slice(0, 10)
  const about = `Written by \`${command}\` on ${day}, Node ${process.versions.node}, ${process.platform} ${process.arch}.`
  writeFileSync(DOCUMENT, `${before}${begin}\n\n${about}\n\n${text}\n\n${end}${after}`)
}

function splitAt(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark)
  if (at < 0) throw new Error(`docs/threat-model.md has no ${mark}`)
  return [text.slice(0, at), text.slice(at + mark.length)]
}

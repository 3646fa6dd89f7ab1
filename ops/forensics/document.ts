import { readFileSync, writeFileSync } from 'node:fs'

const DOCUMENTS = new URL('../../../docs/', import.meta.url)

/**
 * Puts what a script has found into a document, with the command that finds it again, between `<!-- NAME: begin -->` and
 * `<!-- NAME: end -->`.
 * @param document its file in docs
 * @throws Error if the document has no such place
 */
export function writeIntoDocument(name: string, command: string, text: string, document = 'threat-model.md'): void {
  const file = new URL(document, DOCUMENTS)
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const [before, rest] = splitAt(readFileSync(file, 'utf8'), begin)
  const [, after] = splitAt(rest, end)
  const day = new Date().toISOString().slice(0, 10)
  const about = `Written by \`${command}\` on ${day}, Node ${process.versions.node}, ${process.platform} ${process.arch}.`
  writeFileSync(file, `${before}${begin}\n\n${about}\n\n${text}\n\n${end}${after}`)
}

function splitAt(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark)
  if (at < 0) throw new Error(`the document has no ${mark}`)
  return [text.slice(0, at), text.slice(at + mark.length)]
}

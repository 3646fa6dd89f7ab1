import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder with the sources and results of the benchmark, from the compiled file's point of view. */
export const BENCH_FOLDER = new URL('../../../ops/bench/', import.meta.url)
const README = fileURLToPath(new URL('README.md', BENCH_FOLDER))

/** Puts text between the markers of ops/bench/README.md, or of another file, that have this name. */
export function writeReadmeSection(name: string, text: string, file: string = README): void {
  const readme = readFileSync(file, 'utf8')
  const [begin, end] = [`<!-- ${name}: written by the script -->`, `<!-- end of ${name} -->`]
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${file} has no markers for ${name}`)
  writeFileSync(file, `${readme.slice(0, from)}${begin}\n\n${text}\n\n${readme.slice(to)}`)
}

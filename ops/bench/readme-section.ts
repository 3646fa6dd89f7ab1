import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder with the sources and results of the benchmark, from the compiled file's point of view. */
export const BENCH_FOLDER = new URL('../../../ops/bench/', import.meta.url)
const README = fileURLToPath(new URL('README.md', BENCH_FOLDER))

/** Puts text between the markers of ops/bench/README.md that have this name. */
export function writeReadmeSection(name: string, text: string): void {
  const readme = readFileSync(README, 'utf8')
  const [begin, end] = [`<!-- ${name}: written by the script -->`, `<!-- end of ${name} -->`]
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end)
  if (from < 0 || to < from) throw new Error(`ops/bench/README.md has no markers for ${name}`)
  writeFileSync(README, `${readme.slice(0, from)}${begin}\n\n${text}\n\n${readme.slice(to)}`)
}

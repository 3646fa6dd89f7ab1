import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validate } from 'dockerfile-utils'
import { test } from '../_util/tap.ts'
import { project } from './program.ts'

const text = readFileSync(join(project, 'Dockerfile'), 'utf8')
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))

/** Arguments of the last instruction of that name, as they stand there. */
function last(instruction: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith(`${instruction} `))
  return lines.at(-1)?.slice(instruction.length + 1) ?? ''
}

test('the Dockerfile lints clean, and the linter would find something', async (t) => {
  t.strictSame(validate(text), [])
  t.not(validate(text.replace('USER 1000:1000', 'USRE 1000:1000')).length, 0)
  t.not(validate(text.replace('--interval=15s', '--interval=often')).length, 0)
})

test('the Dockerfile names the version of package.json, and its base can be replaced', async (t) => {
  t.match(text, `ARG VERSION=${version}\n`)
  const stages = text.split('\n').filter((line) => line.startsWith('FROM '))
  t.equal(stages.length, 3)
  for (const stage of stages) t.match(stage, /^FROM \$\{BASE\}( AS [a-z]+)?$/)
  t.equal(text.split('\n')[0], 'ARG BASE=node:24-bookworm-slim')
})

test('the entry is node itself, with its heap sized from the container, for a user by number', async (t) => {
  const entry: string[] = JSON.parse(last('ENTRYPOINT'))
  t.equal(entry[0], 'node')
  t.ok(entry.some((flag) => flag.startsWith('--max-old-space-size-percentage=')))
  t.ok(entry.includes('--disable-sigusr1'))
  t.match(last('USER'), /^[1-9]\d*:[1-9]\d*$/)
  t.match(last('HEALTHCHECK'), /CMD \["lethe", "healthcheck"\]$/)
})

test('.dockerignore lets in what the Dockerfile copies, and nothing else', async (t) => {
  const [first, ...rest] = readFileSync(join(project, '.dockerignore'), 'utf8').trim().split('\n')
  t.equal(first, '*')
  const copied = text
    .split('\n')
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(' ').slice(1, -1))
  t.strictSame(rest.map((line) => line.slice(1)).sort(), [...new Set(copied)].sort())
})

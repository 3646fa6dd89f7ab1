import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from '../_util/tap.ts'

const runbook = readFileSync('ops/runbook.md', 'utf8')
const script = readFileSync('ops/verify/runbook', 'utf8')
/** The one that every shell runs first. */
const FIRST = 'once'

/** Names of all blocks of commands, as the line before each says; undefined where it says none. */
const blocks = [...runbook.matchAll(/^(?:<!-- tried: ([a-z0-9-]+) -->\n)?```(\w*)\n[\s\S]*?^```$/gm)].map(
  ([, name, language]) => ({ name, language }),
)

/** Blocks that ops/verify-image runs. */
function run(): Set<string> {
  const [, listed = ''] = /for one in ([\s\S]*?); do/.exec(script.slice(script.indexOf('verify_runbook()'))) ?? []
  const called = [...script.matchAll(/\b(?:as_written|keeps_what_waits)((?: [a-z][a-z0-9-]*)+)/g)].map(
    ([, names]) => names,
  )
  return new Set([listed, ...called].flatMap((names = '') => names.split(/[\s\\]+/)).filter(Boolean))
}

function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase())
  return headings.map((heading) => heading.replace(/[^\w -]/g, '').replaceAll(' ', '-'))
}

test('[D.5] ops/verify-image runbook runs every block of commands of the runbook', async (t) => {
  t.ok(blocks.length > 30)
  const tried = run()
  for (const { name = 'a block without a name', language } of blocks) {
    t.equal(language, 'sh', name)
    if (name !== FIRST) t.ok(tried.has(name), name)
  }
  const names = blocks.map(({ name }) => name)
  t.equal(new Set(names).size, names.length, 'each has a name of its own')
  t.same(
    [...tried].filter((name) => !names.includes(name)),
    [],
    'and none is gone',
  )
  t.match(script, `$(block ${FIRST})`)
  t.match(readFileSync('ops/verify-image', 'utf8'), /^if wanted runbook; then verify_runbook; fi$/m)
})

test('[D.5] every section of an alert has commands, or says whose are to be run', async (t) => {
  const sections = runbook.split(/^#{2,3} /m).filter((section) => section.startsWith('Lethe'))
  t.ok(sections.length > 20)
  for (const section of sections) t.match(section, /^```sh$|\]\(#[a-z-]+\)/m, section.slice(0, 40))
})

test('[D.5] the runbook has every task that an operator has', async (t) => {
  const tasks = [
    ...['drain-a-relay', 'upgrade-without-loss', 'change-the-store-secret', 'renew-the-certificate', 'grow-redis'],
    ...['answer-a-lawful-request', 'emergency-erase'],
  ]
  const anchors = anchorsOf(runbook)
  for (const task of tasks) t.ok(anchors.includes(task), task)
})

test('[D.5] every link of the runbook leads somewhere', async (t) => {
  const links = [...runbook.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
  t.ok(links.length > 20)
  for (const link of links) {
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? 'ops/runbook.md' : join('ops', path)
    t.ok(existsSync(file), link)
    if (anchor !== undefined) t.ok(anchorsOf(readFileSync(file, 'utf8')).includes(anchor), link)
  }
})

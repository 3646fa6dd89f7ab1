import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test, test } from '../_util/tap.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const PAGES = ['docs/threat-model.md', 'SECURITY.md'] as const

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const text = read('docs/threat-model.md')

/** What stands between backticks and begins with a word. */
function commandsIn(page: string, word: string): string[] {
  return [...page.matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) => (code.startsWith(`${word} `) ? [code] : []))
}

/** GitHub's name for a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-')
}

function checkLinks(t: Test, path: string): void {
  for (const [, target = ''] of read(path).matchAll(/\]\(([^)]+)\)/g)) {
    const [file = '', anchor] = target.split('#')
    const linked = file === '' ? path : join(dirname(path), file)
    t.ok(existsSync(join(ROOT, linked)), `${path}: ${target}`)
    if (anchor === undefined) continue
    const headings = [...read(linked).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))
    t.ok(headings.includes(anchor), `${path}: ${target}`)
  }
}

test('every file, command and heading that the threat model and SECURITY.md name is there', async (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const lethe = read('docs/cli.md')
  for (const path of PAGES) {
    const page = read(path)
    checkLinks(t, path)
    for (const command of commandsIn(page, 'npm test')) {
      const files = command.split(' ').slice(3)
      if (files[0] === 'FILE') continue
      t.ok(files.length > 0 && command.startsWith('npm test -- '), command)
      for (const file of files) t.ok(/^test\/.+\.test\.ts$/.test(file) && existsSync(join(ROOT, file)), file)
    }
    for (const command of commandsIn(page, 'npm run')) t.ok((command.split(' ')[2] as string) in scripts, command)
    for (const command of commandsIn(page, 'lethe')) t.match(lethe, command.split(' ').slice(0, 2).join(' '), command)
  }
  t.ok(commandsIn(text, 'npm test').length > 30)
})

test('every cannot of the threat model has a test, a figure, or says plainly that it has none', async (t) => {
  const rows = text.split('\n').filter((line) => /^\| [^|]+ \| [^|]+ \|$/.test(line) && !/^\| (cannot|---)/.test(line))
  t.ok(rows.length > 25)
  for (const row of rows) t.match(row, /`npm test -- |figure: |memory: |operation|not built yet/, row.slice(0, 60))
})

test('the tables of the threat model were written by the scripts that they name', async (t) => {
  for (const name of ['adversary', 'memory', 'timing']) {
    const [, body = ''] = text.match(new RegExp(`<!-- ${name}: begin -->([^]*)<!-- ${name}: end -->`)) ?? []
    t.match(body, `Written by \`npm run forensics:${name} -- --write\` on `, name)
    t.ok(body.split('\n').filter((line) => line.startsWith('| ')).length > 8, `${name} has rows`)
  }
})

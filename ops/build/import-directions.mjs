/**
 * Checks which way imports point (.dependency-cruiser.cjs), and that `process.env` and the standard streams are used
 * where they may be. Then plants a violation of every rule in a copy of the tree and requires each to be caught.
 * Ends with 0 if all is well, else with 1 and what is wrong.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cruise } from 'dependency-cruiser'
import { ALLOWED, ALLOWED_USES, PLANTED, PLANTED_USES, TARGETS } from './planted-violations.mjs'
import { sourceViolations } from './source-rules.mjs'

const project = fileURLToPath(new URL('../../', import.meta.url))
const { forbidden, options } = createRequire(import.meta.url)(join(project, '.dependency-cruiser.cjs'))

function sources(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
}

/** Runs the rules on the src and test of a folder: { violations: [{ rule, from, to, files }], modules, imports } */
async function cruiseFolder(baseDir) {
  const { output } = await cruise(['src', 'test'], {
    ...options,
    baseDir,
    validate: true,
    ruleSet: { forbidden },
    preserveSymlinks: true,
  })
  const ours = output.modules.filter(({ source }) => /^(src|test)\//.test(source))
  return {
    violations: output.summary.violations.map(({ rule, from, to, cycle = [] }) => ({
      rule: rule.name,
      from,
      to,
      files: [from, ...cycle.map(({ name }) => name)],
    })),
    modules: new Set(ours.map(({ source }) => source)),
    imports: ours.reduce((sum, { dependencies }) => sum + dependencies.length, 0),
  }
}

/** What is wrong in the tree itself. */
async function checkTree() {
  const { violations, modules, imports } = await cruiseFolder(project)
  const comment = (rule) => forbidden.find(({ name }) => name === rule)?.comment
  const wrong = violations.map(({ rule, from, to }) => `${from} → ${to}: ${comment(rule)} (${rule})`)
  for (const top of ['src', 'test']) {
    for (const name of sources(join(project, top))) {
      const file = `${top}/${name}`
      if (!modules.has(file)) wrong.push(`${file}: the import rules have not seen this file`)
      wrong.push(...sourceViolations(file, readFileSync(join(project, file), 'utf8')))
    }
  }
  return { wrong, seen: `${modules.size} modules, ${imports} imports` }
}

function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'lethe-import-directions-'))
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json']) {
    cpSync(join(project, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

function plant(copy, files) {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    writeFileSync(join(copy, path), text)
  }
}

/** What the rules let pass that they should catch, or catch that they should let pass. */
async function checkRules() {
  const copy = copyTree()
  try {
    plant(copy, [...TARGETS, ...ALLOWED, ...Object.values(PLANTED).flat()])
    const { violations } = await cruiseFolder(copy)
    const wrong = forbidden
      .filter(({ name }) => !PLANTED[name]?.length)
      .map(({ name }) => `${name}: nothing is planted`)
    for (const [rule, files] of Object.entries(PLANTED)) {
      for (const [path] of files) {
        if (!violations.some((found) => found.rule === rule && found.files.includes(path))) {
          wrong.push(`${rule}: the planted violation ${path} was not caught`)
        }
      }
    }
    for (const [path] of [...ALLOWED, ...TARGETS]) {
      const found = violations.find(({ from }) => from === path)
      if (found) wrong.push(`${found.rule}: ${path} breaks nothing and was caught`)
    }
    return wrong
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** The same for the rules that look at one file alone; nothing needs to be written for them. */
function checkSourceRules() {
  const missed = PLANTED_USES.filter(([path, text]) => sourceViolations(path, text).length === 0)
  const falseAlarms = ALLOWED_USES.flatMap(([path, text]) => sourceViolations(path, text))
  return [
    ...missed.map(([path, text]) => `source rules: the planted violation ${path} (${text}) was not caught`),
    ...falseAlarms.map((alarm) => `source rules: ${alarm} was caught and breaks nothing`),
  ]
}

const { wrong, seen } = await checkTree()
const blind = [...(await checkRules()), ...checkSourceRules()]
for (const line of wrong) process.stderr.write(`import directions: ${line}\n`)
for (const line of blind) process.stderr.write(`import directions, self-check: ${line}\n`)
if (wrong.length + blind.length > 0) {
  process.exitCode = 1
} else {
  const planted = Object.values(PLANTED).flat().length + PLANTED_USES.length
  process.stdout.write(
    `import directions: ${seen}, ${forbidden.length} rules kept, ${planted} planted violations caught\n`,
  )
}

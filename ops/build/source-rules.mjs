import { parseSync } from '@swc/core'

/** Whose business the environment and the standard streams are. */
const MAY_READ_ENVIRONMENT = /^src\/config\/env\.ts$/
const MAY_WRITE_OUTPUT = /^src\/(main\.ts$|cli\/)/
const RUNS_IN_BROWSERS = /^src\/page\//

function propertyName({ property }) {
  if (property.type === 'Computed')
    return property.expression.type === 'StringLiteral' ? property.expression.value : undefined
  return property.value
}

/** What a piece of the tree uses: `process.env`, `console`, `process` handed on as a whole, imports that hide. */
function* usesOf(node) {
  if (Array.isArray(node)) {
    for (const item of node) yield* usesOf(item)
    return
  }
  if (node === null || typeof node !== 'object') return
  if (node.type === 'Identifier' && (node.value === 'process' || node.value === 'console')) yield node.value
  if (node.type === 'TsImportType') yield 'inline import type'
  if (node.type === 'CallExpression' && node.callee.type === 'Import') {
    if (node.arguments[0]?.expression.type !== 'StringLiteral') yield 'computed import'
  }
  if (node.type === 'MemberExpression') {
    yield* usesOfMember(node)
    return
  }
  for (const [name, value] of Object.entries(node)) {
    const isPlainKey = name === 'key' && value?.type === 'Identifier'
    if (name !== 'span' && !isPlainKey) yield* usesOf(value)
  }
}

function* usesOfMember(node) {
  const property = propertyName(node)
  if (node.object.type === 'Identifier' && node.object.value === 'process') {
    yield property === undefined ? 'process' : `process.${property}`
  } else {
    yield* usesOf(node.object)
    const isGlobal = node.object.type === 'Identifier' && node.object.value === 'globalThis'
    if (isGlobal && (property === undefined || property === 'process' || property === 'console')) {
      yield property ?? 'process'
    }
  }
  if (node.property.type === 'Computed') yield* usesOf(node.property)
}

function complaint(file, use) {
  if (use === 'inline import type') return 'the import rules do not see it: use `import type` at the top of the file'
  if (!file.startsWith('src/')) return undefined
  if (use === 'computed import') return 'the import rules cannot judge it: give the name in full'
  const environment = 'the environment is read in src/config/env.ts alone'
  const output =
    'only src/cli and src/main.ts write to the standard streams: it would go round the allow-list of the log'
  if (use === 'process.env') return MAY_READ_ENVIRONMENT.test(file) ? undefined : environment
  if (use === 'console') return MAY_WRITE_OUTPUT.test(file) || RUNS_IN_BROWSERS.test(file) ? undefined : output
  if (use === 'process.stdout' || use === 'process.stderr') return MAY_WRITE_OUTPUT.test(file) ? undefined : output
  if (use === 'process') return 'process is used through its members, so that this check sees which'
  return undefined
}

/** What a source file does that it may not and the import rules do not see, as sentences; none if all is well. */
export function sourceViolations(file, text) {
  const tree = parseSync(text, { syntax: 'typescript', target: 'es2022' })
  const complaints = [...usesOf(tree.body)].flatMap((use) => {
    const reason = complaint(file, use)
    return reason ? [`${file}: ${use}: ${reason}`] : []
  })
  return [...new Set(complaints)]
}

/**
 * Looks through src for what a code scanner asks about and the linter has no rule for: weak hashes, code made from text,
 * programs started, certificates not checked, lenient parsers, markup made from text, memory that is not cleared, random
 * numbers that can be guessed, and regular expressions that a stranger's text can keep busy. What is meant to be so is
 * listed in ALLOWED, and has to be there still. Then requires that each of a list of planted violations is caught.
 * Ends with 0 if all is well.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from '@swc/core'
import { analyse } from 'scslre'

const project = fileURLToPath(new URL('../../', import.meta.url))

/** By rule, the files of src that may do it, each with the reason. */
const ALLOWED = {
  'weak hash': {
    'src/store/redis/scripts.ts': 'Redis names its scripts by SHA-1',
    'src/load/frame-socket.ts': 'RFC 6455 has SHA-1 in its handshake',
  },
  'lenient parser': { 'src/ws/plugin.ts': 'a text frame is refused, whatever it holds' },
  'slow pattern for strangers': { 'src/telemetry/error-place.ts': 'it reads names of source files' },
  'other programs': { 'src/load/processes.ts': 'workers of lethe load' },
  'memory not cleared': {
    'src/load/ledger-writer.ts': 'filled before it is sent',
    'src/load/deposit-frame.ts': 'filled before it is sent',
    'src/load/frame-socket.ts': 'filled before it is sent',
    'src/mailbox/sealing.ts': 'filled before it is used',
    'src/store/redis/announcements.ts': 'filled before it is sent',
    'src/store/redis/command-writer.ts': 'only what was filled is sent',
    'src/store/memory/mailbox-store.ts': 'filled before it is read',
    'src/ws/outgoing.ts': 'filled before it is sent',
  },
  'guessable numbers': {
    'src/load/worker.ts': 'which test client goes away',
    'src/load/backoff.ts': 'when a test client comes back',
    'src/load/dispatcher.ts': 'which test message is next',
    'src/load/recipient.ts': 'when a test client comes back',
    'src/client/mailbox-connection.ts': 'when a client comes back',
    'src/client/socket-depositor.ts': 'when a client comes back',
    'src/client/retry.ts': 'when a client comes back',
  },
}

const OFF_IS_UNSAFE = ['rejectUnauthorized']
const ON_IS_UNSAFE = [
  'insecureHTTPParser',
  'perMessageDeflate',
  'skipUTF8Validation',
  'allowPrivateNetwork',
  'joinDuplicateHeaders',
]
const MARKUP = ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'srcdoc']
const WEAK = /^(md4|md5|rc4|des|sha-?1|rsa-sha1|ripemd160)$/i

const nameOf = (node) => {
  if (node?.type === 'Identifier') return node.value
  if (node?.type !== 'MemberExpression') return undefined
  const last = node.property.type === 'Computed' ? node.property.expression.value : node.property.value
  return `${nameOf(node.object) ?? ''}.${last}`
}

/** Rooms in which a text may be a stranger's: there a pattern may not even take quadratic time. */
const HEARS_STRANGERS = /^src\/(http|ws|protocol|mailbox|admission|ohttp|webpush|page|telemetry)\//

/** Names of rules that one node of the tree breaks. */
function* brokenBy(node) {
  if (node.type === 'ImportDeclaration') {
    const name = node.source.value.replace(/^node:/, '')
    if (name === 'child_process' || name === 'cluster') yield 'other programs'
    if (name === 'vm' || name === 'module') yield 'code from text'
  }
  if (node.type === 'CallExpression' || node.type === 'NewExpression') {
    const name = nameOf(node.callee) ?? ''
    const [first] = node.arguments ?? []
    if (/^(Function|eval)$/.test(name)) yield 'code from text'
    if (name === 'RegExp' && first?.expression.type !== 'StringLiteral') yield 'pattern from text'
    if (/(^|\.)(allocUnsafe|allocUnsafeSlow)$/.test(name)) yield 'memory not cleared'
    if (name === 'Math.random') yield 'guessable numbers'
    if (/(^|\.)insertAdjacentHTML$/.test(name)) yield 'markup from text'
  }
  // handed on without being called
  if (node.type === 'KeyValueProperty' || node.type === 'VariableDeclarator') {
    if (nameOf(node.value ?? node.init) === 'Math.random') yield 'guessable numbers'
  }
  if (node.type === 'StringLiteral' && WEAK.test(node.value)) yield 'weak hash'
  if (node.type === 'KeyValueProperty') {
    const name = node.key.value
    const { type, value } = node.value
    if (OFF_IS_UNSAFE.includes(name) && type === 'BooleanLiteral' && !value) yield 'certificate not checked'
    if (ON_IS_UNSAFE.includes(name) && !(type === 'BooleanLiteral' && !value)) yield 'lenient parser'
  }
  if (node.type === 'AssignmentExpression') {
    const name = nameOf(node.left) ?? ''
    if (MARKUP.some((member) => name.endsWith(`.${member}`))) yield 'markup from text'
  }
  if (node.type === 'RegExpLiteral') {
    const { reports } = analyse({ source: node.pattern, flags: node.flags })
    if (reports.some(({ exponential }) => exponential)) yield 'slow pattern'
    else if (reports.length > 0) yield 'slow pattern for strangers'
  }
}

function* broken(node) {
  if (Array.isArray(node)) for (const item of node) yield* broken(item)
  if (Array.isArray(node) || node === null || typeof node !== 'object') return
  yield* brokenBy(node)
  for (const [name, value] of Object.entries(node)) if (name !== 'span') yield* broken(value)
}

/** Names of rules that a source file breaks. */
function rulesBroken(file, text) {
  const found = new Set(broken(parseSync(text, { syntax: 'typescript', target: 'es2022' }).body))
  if (!HEARS_STRANGERS.test(file)) found.delete('slow pattern for strangers')
  return [...found]
}

const PLANTED = [
  ['weak hash', "createHash('md5')"],
  ['code from text', "new Function('a', text)"],
  ['code from text', "import { runInThisContext } from 'node:vm'\nrunInThisContext(text)"],
  ['other programs', "import { exec } from 'child_process'\nexec(text)"],
  ['pattern from text', 'new RegExp(text)'],
  ['memory not cleared', 'Buffer.allocUnsafe(16)'],
  ['guessable numbers', 'const nonce = Math.random()'],
  ['guessable numbers', 'const ports = { random: Math.random }'],
  ['certificate not checked', 'connect({ rejectUnauthorized: false })'],
  ['lenient parser', 'createServer({ insecureHTTPParser: true })'],
  ['lenient parser', 'createServer({ perMessageDeflate: {} })'],
  ['markup from text', 'element.innerHTML = text'],
  ['markup from text', 'element.insertAdjacentHTML("beforeend", text)'],
  ['slow pattern', 'const slow = /^(a+)+$/'],
  ['slow pattern', 'const slow = /(x+x+)+y/'],
  ['slow pattern for strangers', 'const slow = /[a-z]+$/'],
]

const files = readdirSync(join(project, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `src/${name}`)
const unused = Object.entries(ALLOWED).flatMap(([rule, paths]) => Object.keys(paths).map((path) => `${rule}: ${path}`))
const wrong = []
for (const file of files) {
  for (const rule of rulesBroken(file, readFileSync(join(project, file), 'utf8'))) {
    if (ALLOWED[rule]?.[file]) unused.splice(unused.indexOf(`${rule}: ${file}`), 1)
    else wrong.push(`${file}: ${rule}`)
  }
}
for (const entry of unused) wrong.push(`${entry} is allowed and does not do it any more`)
for (const [rule, text] of PLANTED) {
  if (!rulesBroken('src/http/planted.ts', text).includes(rule))
    wrong.push(`self-check: ${rule} was not caught in ${text}`)
}
for (const line of wrong) process.stderr.write(`unsafe code: ${line}\n`)
if (wrong.length > 0) process.exitCode = 1
else process.stdout.write(`unsafe code: none in ${files.length} files, ${PLANTED.length} planted violations caught\n`)

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { type Config, ConfigError, loadConfig } from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/print.ts'
import { Secret } from '../../src/config/secrets.ts'
import { MAKE_SECRET_COMMAND } from '../../src/config/store-secrets.ts'
import { type Test, test } from '../_util/tap.ts'
import { attempt, problemsOf, quote, randomSecret } from './config-problems.ts'

/** Everything by which a configuration or an error could end up in front of somebody. */
function everyPrintOf(value: Config | ConfigError): string {
  const prints = [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: null, showHidden: true, getters: true }),
    ...(value instanceof ConfigError ? [value.message, value.stack, JSON.stringify(value.problems)] : []),
    ...(value instanceof ConfigError ? [] : [JSON.stringify(describeConfig(value)), JSON.stringify({ ...value })]),
  ]
  return prints.join('\n')
}

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-config-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

function write(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64url'))
}

test('a Secret prints as *** in every way, and gives its value only when asked', async (t) => {
  for (const value of ['hunter2-hunter2', new Uint8Array([171, 205, 239, 1])]) {
    const secret = new Secret(value)
    t.equal(secret.reveal(), value)
    for (const print of [String(secret), `${secret}`, JSON.stringify({ secret }), inspect(secret), inspect([secret])]) {
      t.match(print, /\*\*\*/)
      t.notMatch(print, /hunter|171|abcd/i)
    }
    t.strictSame(Object.entries(secret), [])
    t.strictSame(Object.assign({}, secret), {})
    t.notMatch(inspect(secret, { showHidden: true, customInspect: false }), /hunter|171/)
  }
})

test('LETHE_STORE_SECRET takes 32 bytes or more as unpadded base64url', async (t) => {
  for (const text of [randomSecret(), randomSecret(33), randomSecret(64), randomSecret(1000)]) {
    t.strictSame(loadConfig({ LETHE_STORE_SECRET: text }).storeSecret?.reveal(), bytesOf(text))
  }
})

test('LETHE_STORE_SECRET refuses other lengths and forms, and says how to make one', async (t) => {
  const bytes = Buffer.alloc(32, 0xfb)
  for (const text of [
    '',
    'short',
    randomSecret(31),
    bytes.toString('base64'),
    `${bytes.toString('base64url')}=`,
    `${bytes.toString('base64url')}\n`,
    ` ${bytes.toString('base64url')}`,
    `${bytes.toString('base64url').slice(0, -1)}t`,
    bytes.toString('base64').replace('=', ''),
    'ö'.repeat(43),
  ]) {
    const { LETHE_STORE_SECRET: message = '' } = problemsOf({ LETHE_STORE_SECRET: text })
    t.match(message, MAKE_SECRET_COMMAND, quote(text))
    t.match(message, 'at least 32 bytes as base64url without padding')
  }
})

test('a secret in hex is long enough to be base64url of other bytes, and is taken as those', async (t) => {
  const text = 'ab'.repeat(32)
  t.equal(loadConfig({ LETHE_STORE_SECRET: text }).storeSecret?.reveal().length, 48)
})

test('the command in the error makes a secret that is taken', async (t) => {
  const made = execFileSync('/bin/sh', ['-c', MAKE_SECRET_COMMAND], { encoding: 'utf8' })
  const file = write(folderOf(t), 'secret', made)
  t.equal(loadConfig({ LETHE_STORE_SECRET_FILE: file }).storeSecret?.reveal().length, 32)
})

test('LETHE_STORE_SECRETS_READ takes a list', async (t) => {
  const [a, b] = [randomSecret(), randomSecret(40)]
  for (const [text, expected] of [
    ['', []],
    [a, [a]],
    [`${a},${b}`, [a, b]],
    [`${a} , ${b}`, [a, b]],
    [`${a}\n${b}\n`, [a, b]],
  ] as const) {
    const { storeSecretsRead } = loadConfig({ LETHE_STORE_SECRETS_READ: text })
    t.strictSame(
      storeSecretsRead.map((secret) => secret.reveal()),
      expected.map(bytesOf),
    )
  }
  for (const text of [`${a};${b}`, `${a} ${b}`, `${a},x`, `${a},${a}`, `${a}=`]) {
    t.match(problemsOf({ LETHE_STORE_SECRETS_READ: text }), { LETHE_STORE_SECRETS_READ: /^LETHE_STORE_SECRETS_READ / })
  }
})

test('a secret is either live or read-only', async (t) => {
  const [a, b] = [randomSecret(), randomSecret()]
  const env = { LETHE_STORE_SECRET: a, LETHE_STORE_SECRETS_READ: `${b},${a}` }
  t.match(problemsOf(env), { LETHE_STORE_SECRETS_READ: /lists the secret of LETHE_STORE_SECRET/ })
  t.strictSame(problemsOf({ LETHE_STORE_SECRET: a, LETHE_STORE_SECRETS_READ: b }), {})
})

test('both can come from files, without the line end', async (t) => {
  const folder = folderOf(t)
  const [live, a, b] = [randomSecret(), randomSecret(), randomSecret()]
  for (const end of ['', '\n', '\r\n', '\n\n']) {
    const config = loadConfig({
      LETHE_STORE_SECRET_FILE: write(folder, 'live', `${live}${end}`),
      LETHE_STORE_SECRETS_READ_FILE: write(folder, 'read', `${a}\r\n\n${b},${end}`),
    })
    t.strictSame(config.storeSecret?.reveal(), bytesOf(live))
    t.strictSame(
      config.storeSecretsRead.map((secret) => secret.reveal()),
      [a, b].map(bytesOf),
    )
    t.equal(config.valueOrigins.storeSecret, 'file LETHE_STORE_SECRET_FILE')
    t.equal(config.valueOrigins.storeSecretsRead, 'file LETHE_STORE_SECRETS_READ_FILE')
  }
  const empty = loadConfig({ LETHE_STORE_SECRETS_READ_FILE: write(folder, 'empty', '\n') })
  t.strictSame(empty.storeSecretsRead, [])
})

test('a file may be a link, as Kubernetes mounts secrets', async (t) => {
  const folder = folderOf(t)
  const target = write(folder, 'target', randomSecret())
  symlinkSync(target, join(folder, 'link'))
  t.strictSame(problemsOf({ LETHE_STORE_SECRET_FILE: join(folder, 'link') }), {})
})

test('a file that does not fit is blamed on the variable that named it', async (t) => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'folder'))
  for (const [path, detail] of [
    ['', /cannot be read \(ENOENT\)/],
    [join(folder, 'none'), /cannot be read \(ENOENT\)/],
    [join(folder, 'folder'), /regular file/],
    ['/dev/zero', /regular file/],
    [write(folder, 'empty', '\n'), /is empty/],
    [write(folder, 'short', 'abc'), /less than 32 bytes/],
    [write(folder, 'binary', new Uint8Array(32).fill(255)), /not base64url/],
    [write(folder, 'space', `${randomSecret()} \n`), /not base64url/],
    [write(folder, 'long', 'A'.repeat(65_537)), /too long/],
  ] as const) {
    const problems = problemsOf({ LETHE_STORE_SECRET_FILE: path })
    t.strictSame(Object.keys(problems), ['LETHE_STORE_SECRET_FILE'], path)
    t.match(problems.LETHE_STORE_SECRET_FILE, detail)
    t.match(problems.LETHE_STORE_SECRET_FILE, 'It takes the path of a file that holds a secret of at least 32 bytes')
  }
})

test('a file that may not be read is refused', async (t) => {
  const path = write(folderOf(t), 'locked', randomSecret())
  chmodSync(path, 0)
  const isRoot = process.getuid?.() === 0
  const problems = problemsOf({ LETHE_STORE_SECRET_FILE: path })
  if (isRoot) t.strictSame(problems, {}, 'root may read everything')
  else t.match(problems, { LETHE_STORE_SECRET_FILE: /cannot be read \(EACCES\)/ })
})

test('giving a secret and its file is refused', async (t) => {
  const file = write(folderOf(t), 'secret', randomSecret())
  for (const env of ['LETHE_STORE_SECRET', 'LETHE_STORE_SECRETS_READ']) {
    const problems = problemsOf({ [env]: randomSecret(), [`${env}_FILE`]: file })
    t.strictSame(Object.keys(problems), [env])
    t.match(problems[env], `${env} and ${env}_FILE are both set: only one of them may be.`)
  }
})

test('no print of a good configuration holds a secret', async (t) => {
  const [live, a, b] = [randomSecret(), randomSecret(), randomSecret()]
  const config = loadConfig({
    LETHE_REDIS_URL: 'rediss://user:Vx3kq9Zt@h',
    LETHE_STORE_SECRET: live,
    LETHE_STORE_SECRETS_READ: `${a},${b}`,
  })
  const prints = everyPrintOf(config)
  for (const text of [live, a, b]) {
    for (const form of ['base64url', 'base64', 'hex', 'latin1'] as const) {
      t.notOk(prints.includes(Buffer.from(text, 'base64url').toString(form)), form)
    }
    t.notOk(prints.replace(/\s/g, '').includes([...bytesOf(text)].slice(0, 8).join(',')))
  }
  t.notOk(prints.includes('Vx3kq9Zt'))
  const lines = new Map(describeConfig(config).map(({ variable, value }) => [variable, value]))
  t.equal(lines.get('LETHE_STORE_SECRET'), '***')
  t.equal(lines.get('LETHE_STORE_SECRETS_READ'), '*** (2)')
  t.equal(lines.get('LETHE_REDIS_URL'), 'rediss://user:***@h:6379/0')
})

test('no print holds a secret, wherever it was put and however it was spoilt', async (t) => {
  const secretVariables = ['LETHE_STORE_SECRET', 'LETHE_STORE_SECRETS_READ', 'LETHE_REDIS_URL', 'LETHE_PORT']
  const otherVariables = ['LETHE_STORE_SECRET_FILE', 'LETHE_TLS_KEY_FILE', 'LETHE_STORE_SECRTE', 'LETHE_PUBLIC_ORIGIN']
  const variable = fc.constantFrom(...secretVariables, ...otherVariables)
  const spoil = fc.constantFrom(
    (text: string) => `${text}=`,
    (text: string) => `${text},${text}`,
    (text: string) => `${text}\n`,
    (text: string) => text.slice(0, 30),
    (text: string) => `redis://:${text}@`,
    (text: string) => `redis://${text}@h`,
    (text: string) => `https://${text}@h`,
    (text: string) => `/${text}`,
  )
  let refused = 0
  fc.assert(
    fc.property(variable, spoil, (name, change) => {
      const text = randomSecret()
      const outcome = attempt({ [name]: change(text) })
      if (outcome instanceof ConfigError) refused++
      t.notOk(everyPrintOf(outcome).includes(text.slice(0, 12)), name)
    }),
  )
  t.ok(refused > 50, 'most of them are refused')
})

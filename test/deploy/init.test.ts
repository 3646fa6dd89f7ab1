import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { copyOfDeploy, type Ended, runProgram, temporaryFolder } from './program.ts'

function init(deploy: string, ...args: string[]): Ended {
  return runProgram('bash', [join(deploy, 'init'), ...args], deploy)
}

function made(t: Test, ...args: string[]): string {
  const deploy = copyOfDeploy(t)
  const { code, text } = init(deploy, ...args)
  t.equal(code, 0, text)
  return deploy
}

function certificateOf(deploy: string): X509Certificate {
  return new X509Certificate(readFileSync(join(deploy, 'secrets/tls/proxy.pem')))
}

test('deploy/init makes what a relay takes, readable for its owner and for containers alone', async (t) => {
  const deploy = made(t)
  const secrets = join(deploy, 'secrets')
  t.equal(statSync(secrets).mode & 0o777, 0o700)
  t.equal(statSync(join(deploy, '.env')).mode & 0o777, 0o600)
  t.equal(
    readFileSync(join(deploy, '.env'), 'utf8'),
    'LETHE_PUBLIC_ORIGIN=https://localhost:8443\nLETHE_PUBLIC_PORT=8443\n',
  )
  for (const url of ['redis-url', 'redis-url-sentinel', 'redis-url-cluster']) {
    const config = loadConfig({
      LETHE_PUBLIC_ORIGIN: 'https://localhost:8443',
      LETHE_REDIS_URL_FILE: join(secrets, url),
      LETHE_REDIS_CA_FILE: join(secrets, 'redis.crt'),
      LETHE_STORE_SECRET_FILE: join(secrets, 'store-secret'),
      LETHE_STORE_SECRETS_READ_FILE: join(secrets, 'store-secrets-read'),
    })
    t.same(config.storeSecretsRead, [])
    t.equal(config.storeSecret?.reveal().length, 32)
    t.equal(config.store.kind !== 'memory' && config.store.tls, true, url)
  }
  t.equal(certificateOf(deploy).checkHost('localhost'), 'localhost')
  t.notOk(existsSync(join(secrets, 'tls/key.pem')))
})

test('deploy/init refuses to overwrite, and changes nothing', async (t) => {
  const deploy = made(t)
  const before = readFileSync(join(deploy, 'secrets/store-secret'), 'utf8')
  const again = init(deploy)
  t.equal(again.code, 1)
  t.match(again.text, 'deploy/secrets is there already; nothing was changed')
  t.equal(readFileSync(join(deploy, 'secrets/store-secret'), 'utf8'), before)
  t.notOk(existsSync(join(deploy, 'secrets.part')))
  t.not(readFileSync(join(made(t), 'secrets/store-secret'), 'utf8'), before, 'another time it is another secret')
})

test('deploy/init takes an origin, and a certificate for it', async (t) => {
  const deploy = made(t, 'https://relay.example')
  t.match(
    readFileSync(join(deploy, '.env'), 'utf8'),
    'LETHE_PUBLIC_ORIGIN=https://relay.example\nLETHE_PUBLIC_PORT=443\n',
  )
  t.equal(certificateOf(deploy).checkHost('relay.example'), 'relay.example')
  t.equal(certificateOf(made(t, 'https://192.0.2.1:8443')).checkIP('192.0.2.1'), '192.0.2.1')
  const folder = temporaryFolder(t)
  const [certificate, key] = [join(folder, 'c.pem'), join(folder, 'k.pem')]
  runProgram('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=given'],
    ...['-keyout', key, '-out', certificate],
  ])
  const given = made(t, 'https://relay.example', certificate, key)
  t.equal(
    readFileSync(join(given, 'secrets/tls/proxy.pem'), 'utf8'),
    readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'),
  )
  t.equal(readFileSync(join(given, 'secrets/certificate/certificate.pem'), 'utf8'), readFileSync(certificate, 'utf8'))
})

test('deploy/init refuses what is no https origin, and makes nothing', async (t) => {
  const deploy = copyOfDeploy(t)
  const before = readdirSync(deploy)
  for (const origin of [
    'http://relay.example',
    'relay.example',
    'https://Relay.example',
    'https://relay.example/',
    '-h',
  ]) {
    t.equal(init(deploy, origin).code, 1, origin)
  }
  t.equal(init(deploy, 'https://relay.example:443').code, 1)
  t.equal(init(deploy, 'https://relay.example', 'certificate-alone.pem').code, 1)
  t.strictSame(readdirSync(deploy), before)
})

test('Redis takes the users and the certificate that deploy/init makes', async (t) => {
  const secrets = join(made(t), 'secrets')
  for (const users of ['users.acl', 'users-sentinel.acl', 'users-cluster.acl']) {
    const redis = await startRedis({
      args: ['--include', join(secrets, 'replica.conf'), '--aclfile', join(secrets, users)],
    })
    t.teardown(() => redis.stop())
    await t.rejects(redis.cli('GET', 'x'), /NOAUTH/, users)
  }
  const certificate = new X509Certificate(readFileSync(join(secrets, 'redis.crt')))
  for (const name of ['redis', 'redis-6', 'sentinel-3']) t.equal(certificate.checkHost(name), name)
})

test('deploy/renew refuses what would end connections, and changes nothing', async (t) => {
  const deploy = made(t)
  const folder = temporaryFolder(t)
  const make = (name: string, days: string) =>
    runProgram('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`],
      ...['-days', days, '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)],
    ])
  for (const name of ['one', 'other']) make(name, '30')
  const shown = () => readFileSync(join(deploy, 'secrets/tls/proxy.pem'), 'utf8')
  const before = shown()
  const renew = (...names: string[]) =>
    runProgram('bash', [join(deploy, 'renew'), ...names.map((name) => join(folder, name))], deploy)
  const refusals: [RegExp, ...string[]][] = [
    [/the key is that of another certificate; nothing was changed/, 'one.pem', 'other.key'],
    [/is no certificate in PEM/, 'one.key', 'one.key'],
    [/is no private key in PEM/, 'one.pem', 'one.pem'],
    [/usage/, 'one.pem'],
  ]
  for (const [words, ...names] of refusals) {
    const { code, text } = renew(...names)
    t.equal(code, 1, names.join())
    t.match(text, words)
  }
  t.equal(shown(), before)
})

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMON_HEADERS } from '../../src/http/problems.ts'
import { ERRORS, type ErrorCode, RETRY_AFTER_SECONDS } from '../../src/protocol/errors.ts'
import { type Test, test } from '../_util/tap.ts'
import { project, runProgram, temporaryFolder } from './program.ts'

const proxies = join(project, 'deploy/proxy')

/** Certificate, key, and both in one file. */
function makeCertificate(folder: string): { certificate: string; key: string; both: string } {
  const [certificate, key, both] = ['c.pem', 'k.pem', 'proxy.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  runProgram('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost'],
    ...['-keyout', key, '-out', certificate],
  ])
  writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
  return { certificate, key, both }
}

/** A shipped file with other paths in it; each of them must be there. */
function withPaths(t: Test, name: string, paths: Record<string, string>): string {
  let text = readFileSync(join(proxies, name), 'utf8')
  for (const [from, to] of Object.entries(paths)) {
    t.ok(text.includes(from), `${name} names ${from}`)
    text = text.replaceAll(from, to)
  }
  const file = join(temporaryFolder(t), name)
  writeFileSync(file, text)
  return file
}

function haproxyFile(t: Test, changes: Record<string, string> = {}): string {
  const { both } = makeCertificate(temporaryFolder(t))
  return withPaths(t, 'haproxy.cfg', {
    '/etc/haproxy/tls/proxy.pem': both,
    '/usr/local/etc/haproxy': proxies,
    'server relay-1 relay-1:': 'server relay-1 127.0.0.1:',
    'server relay-2 relay-2:': 'server relay-2 127.0.0.2:',
    ...changes,
  })
}

test('haproxy takes its configuration without a warning, and finds a fault in it', async (t) => {
  const { code, text } = runProgram('haproxy', ['-c', '-f', haproxyFile(t)])
  t.equal(code, 0, text)
  t.notMatch(text, /WARNING|ALERT/, text)
  t.not(runProgram('haproxy', ['-c', '-f', haproxyFile(t, { 'balance leastconn': 'balance leastcon' })]).code, 0)
})

function nginxArguments(t: Test, changes: Record<string, string> = {}): string[] {
  const { certificate, key } = makeCertificate(temporaryFolder(t))
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'logs'))
  const paths = {
    '/etc/lethe/certificate.pem': certificate,
    '/etc/lethe/key.pem': key,
    '/run/nginx.pid': join(folder, 'pid'),
  }
  return ['-t', '-p', folder, '-c', withPaths(t, 'nginx.conf', { ...paths, ...changes })]
}

test('nginx takes its configuration without a warning, and finds a fault in it', async (t) => {
  const { code, text } = runProgram('nginx', nginxArguments(t))
  t.equal(code, 0, text)
  t.notMatch(text, /\[(warn|emerg|error)\]/, text)
  t.not(runProgram('nginx', nginxArguments(t, { 'proxy_buffering off': 'proxy_bufering off' })).code, 0)
})

test('Caddy takes its configuration without a warning, and finds a fault in it', async (t) => {
  const validate = (file: string) => runProgram('caddy', ['validate', '--adapter', 'caddyfile', '--config', file])
  const { code, text } = validate(join(proxies, 'Caddyfile'))
  t.equal(code, 0, text)
  t.notMatch(text, /"level":"(warn|error)"/, text)
  t.not(validate(withPaths(t, 'Caddyfile', { flush_interval: 'flush_intervall' })).code, 0)
})

test('no proxy is told to log requests, and of who asks each passes on what limits go by', async (t) => {
  const [haproxy = '', nginx = '', caddy = ''] = ['haproxy.cfg', 'nginx.conf', 'Caddyfile'].map((name) =>
    readFileSync(join(proxies, name), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*#/.test(line))
      .join('\n'),
  )
  t.notMatch(haproxy, /^\s*(log|option (http|tcp)log|option forwardfor|stick-table|stats)\b/m)
  t.strictSame(nginx.match(/\b(access|error)_log .*;/g), ['error_log /dev/null emerg;', 'access_log off;'])
  t.strictSame(
    caddy.match(/^\s*(log|output) .*$/gm)?.map((line) => line.trim()),
    ['log {', 'output discard'],
  )
  t.match(haproxy, 'set-header X-Forwarded-For %[src,ipmask(24,56)]\n')
  t.match(nginx, 'proxy_set_header X-Forwarded-For $client_prefix;\n')
  t.notMatch(caddy, /X-Forwarded-For|trusted_proxies/, 'as Caddy does by itself')
  t.notMatch(nginx, '$proxy_add_x_forwarded_for', 'what a client has sent is replaced')
  for (const name of ['User-Agent', 'Referer', 'Cookie', 'Accept-Language', 'Forwarded']) {
    t.match(haproxy, `del-header ${name}\n`)
    t.match(nginx, `proxy_set_header ${name} '';`)
    t.match(caddy, `header_up -${name}\n`)
  }
})

/** What each of HAProxy's own answers is in the relay's words. */
const ERROR_FILES: Record<string, ErrorCode> = {
  '400.http': 'ERR_MALFORMED',
  '408.http': 'ERR_MALFORMED',
  '503.http': 'ERR_STORE_UNAVAILABLE',
}

test('what HAProxy answers by itself is what the relay would say', async (t) => {
  t.strictSame(readdirSync(join(proxies, 'errors')).sort(), Object.keys(ERROR_FILES))
  for (const [file, code] of Object.entries(ERROR_FILES)) {
    const [head = '', body = ''] = readFileSync(join(proxies, 'errors', file), 'utf8').split('\r\n\r\n')
    const [status, ...lines] = head.split('\r\n')
    const headers = new Map(lines.map((line) => [line.split(': ')[0]?.toLowerCase(), line.replace(/^[^:]*: /, '')]))
    t.match(status, new RegExp(`^HTTP/1.[01] ${ERRORS[code].status} `))
    for (const [name, value] of Object.entries(COMMON_HEADERS)) t.equal(headers.get(name), value, `${file}: ${name}`)
    const retryAfter = RETRY_AFTER_SECONDS[code]
    t.equal(headers.get('retry-after'), retryAfter === undefined ? undefined : String(retryAfter))
    const { status: number, title } = ERRORS[code]
    t.strictSame(JSON.parse(body), { type: 'about:blank', title, status: number, code })
  }
})

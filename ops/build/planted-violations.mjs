/**
 * For every rule of .dependency-cruiser.cjs at least one file that breaks it: [path, text]. Paths lie beside the real
 * files; they are written into a copy of the tree only.
 */
const importing = (specifier) => `import * as planted from '${specifier}'\nexport const seen = planted\n`
const importingType = (specifier) => `import type { Planted } from '${specifier}'\nexport type Seen = Planted\n`
const reExporting = (specifier) => `export * from '${specifier}'\n`
const importingLater = (specifier) =>
  `export class Planted {\n  async go(): Promise<unknown> {\n    return await import('${specifier}')\n  }\n}\n`

/** What the planted files import: they stand in for a room's own files, and break no rule. */
export const TARGETS = [
  ...[
    ...['protocol', 'mailbox', 'client', 'config', 'store/memory', 'store/redis', 'admission', 'ohttp', 'http', 'ws'],
    ...['webpush', 'telemetry', 'disclosure', 'page', 'load', 'cli'],
  ].map((room) => [`src/${room}/planted-target.ts`, 'export type Planted = string\nexport const planted = 1\n']),
  ['test/unit/planted-target.ts', 'export const planted = 1\n'],
  ['test/_util/planted-target.ts', 'export const planted = 1\n'],
  ['test/_util/planted-bridge.ts', importing('../../src/protocol/planted-target.ts')],
]

export const PLANTED = {
  'room-protocol': [['src/protocol/planted-room.ts', importingType('../mailbox/planted-target.ts')]],
  'room-mailbox': [
    ['src/mailbox/planted-room.ts', importing('../store/redis/planted-target.ts')],
    ['src/mailbox/planted-room-type.ts', importingType('../http/planted-target.ts')],
    ['src/mailbox/planted-room-export.ts', reExporting('../ws/planted-target.ts')],
    ['src/mailbox/planted-room-later.ts', importingLater('../config/planted-target.ts')],
  ],
  'room-client': [['src/client/planted-room.ts', importing('../mailbox/planted-target.ts')]],
  'room-config': [['src/config/planted-room.ts', importing('../telemetry/planted-target.ts')]],
  'room-store': [['src/store/redis/planted-room.ts', importing('../../http/planted-target.ts')]],
  'room-admission': [['src/admission/planted-room.ts', importing('../store/redis/planted-target.ts')]],
  'room-ohttp': [['src/ohttp/planted-room.ts', importing('../http/planted-target.ts')]],
  'room-http': [['src/http/planted-room.ts', importing('../ws/planted-target.ts')]],
  'room-ws': [['src/ws/planted-room.ts', importing('../telemetry/planted-target.ts')]],
  'room-webpush': [['src/webpush/planted-room.ts', importing('../http/planted-target.ts')]],
  'room-telemetry': [['src/telemetry/planted-room.ts', importing('../config/planted-target.ts')]],
  'room-disclosure': [['src/disclosure/planted-room.ts', importing('../store/redis/planted-target.ts')]],
  'room-load': [
    ['src/load/planted-room.ts', importing('../store/redis/planted-target.ts')],
    ['src/load/planted-room-type.ts', importingType('../mailbox/planted-target.ts')],
  ],
  'room-page': [['src/page/planted-room.ts', importing('../http/planted-target.ts')]],

  'known-rooms': [
    ['src/helpers/planted.ts', importing('../protocol/planted-target.ts')],
    ['src/planted.ts', importing('./protocol/planted-target.ts')],
  ],
  'app-is-below-main-and-cli': [['src/app.ts', importing('./cli/planted-target.ts')]],
  'main-is-below-cli': [['src/main.ts', importing('./cli/planted-target.ts')]],
  'composition-imports-no-test': [['src/cli/planted-test.ts', importing('../../test/unit/planted-target.ts')]],
  'stores-apart': [
    ['src/store/memory/planted-other.ts', importing('../redis/planted-target.ts')],
    ['src/store/redis/planted-other.ts', importing('../memory/planted-target.ts')],
  ],
  'no-cycles': [
    ['src/mailbox/planted-circle.ts', "import { b } from './planted-circle-back.ts'\nexport const a = () => b\n"],
    ['src/mailbox/planted-circle-back.ts', "import { a } from './planted-circle.ts'\nexport const b = () => a\n"],
  ],
  resolvable: [
    ['src/mailbox/planted-nowhere.ts', importing('./no-such-file.ts')],
    ['test/unit/planted-nowhere.ts', importing('no-such-package')],
  ],

  'protocol-no-packages': [
    ['src/protocol/planted-core.ts', importing('node:crypto')],
    ['src/protocol/planted-package.ts', importing('@noble/hashes/sha2.js')],
  ],
  'mailbox-no-packages': [['src/mailbox/planted-package.ts', importing('ws')]],
  'mailbox-no-io': ['node:fs', 'node:fs/promises', 'fs', 'node:net', 'node:http', 'node:https', 'node:tls'].map(
    (name, index) => [`src/mailbox/planted-io-${index}.ts`, importing(name)],
  ),
  'client-runs-in-browsers': [
    ['src/client/planted-core.ts', importingLater('node:crypto')],
    ['src/page/planted-core.ts', importing('node:fs')],
  ],
  'client-only-crypto-packages': [['src/client/planted-package.ts', importing('ws')]],
  'fastify-at-the-edge': [
    ['src/store/redis/planted-fastify.ts', importing('fastify')],
    ['src/config/planted-fastify.ts', importing('@fastify/websocket')],
    ['src/cli/planted-fastify.ts', importingType('fastify-plugin')],
  ],
  'ioredis-in-its-store': [
    ['src/store/memory/planted-ioredis.ts', importing('ioredis')],
    ['src/cli/planted-ioredis.ts', importingType('ioredis')],
  ],
  'logging-and-metrics-in-telemetry': [
    ['src/http/planted-pino.ts', importing('pino')],
    ['src/cli/planted-prom.ts', importing('prom-client')],
  ],
  'product-no-dev-packages': [
    ['src/cli/planted-agpl.ts', importing('@signalapp/libsignal-client')],
    ['src/http/planted-dev.ts', importing('fast-check')],
  ],
  'process-by-its-global': [
    ['src/http/planted-process.ts', "import { env } from 'node:process'\nexport const e = env\n"],
  ],

  'runner-in-one-file': [
    ['test/unit/planted-tap.test.ts', importing('tap')],
    ['test/_util/planted-tap.ts', importing('tap')],
  ],
  'test-utilities-need-no-test': [['test/_util/planted-test.ts', importing('../unit/planted-target.ts')]],
  'conformance-knows-no-product': [
    ['test/conformance/planted-src.ts', importing('../../src/protocol/planted-target.ts')],
    ['test/conformance/planted-type.ts', importingType('../../src/client/planted-target.ts')],
    ['test/conformance/planted-test.ts', importing('../unit/planted-target.ts')],
  ],
  'conformance-reaches-no-product': [['test/conformance/planted-reach.ts', importing('../_util/planted-bridge.ts')]],
  'conformance-only-ws': [['test/conformance/planted-package.ts', importing('@noble/hashes/sha2.js')]],
}

/** The same for what source-rules.mjs looks for. */
export const PLANTED_USES = [
  ['src/http/planted-access.ts', 'export const port = process.env.LETHE_PORT'],
  ['src/mailbox/planted-access.ts', 'export const { env } = process'],
  ['src/store/redis/planted-access.ts', "export const port = process['env'].LETHE_PORT"],
  ['src/ws/planted-access.ts', 'export function planted(): void {\n  console.error(1)\n}'],
  ['src/telemetry/planted-access.ts', 'export const stream = process.stdout'],
  ['src/config/planted-access.ts', "process.stderr.write('planted')"],
  ['src/app.ts', 'export const out = globalThis.process.env'],
  ['src/protocol/planted-access.ts', 'globalThis.console.log(1)'],
  ['src/mailbox/planted-inline.ts', "export type Seen = import('../telemetry/events.ts').Event"],
  ['test/conformance/planted-inline.ts', "export let seen: import('../../src/mailbox/ports.ts').Clock"],
  ['src/mailbox/planted-computed.ts', 'export const load = (name: string) => import(name)'],
]

/** Neighbours of the planted files that break nothing: a rule that forbids everything would not be noticed otherwise. */
export const ALLOWED = [
  ['src/http/allowed.ts', importing('fastify')],
  ['src/http/allowed-inward.ts', importing('../mailbox/planted-target.ts')],
  ['src/store/redis/allowed.ts', importing('ioredis')],
  ['src/telemetry/allowed.ts', importing('pino')],
  ['src/mailbox/allowed.ts', importing('node:crypto')],
  ['src/load/allowed.ts', importing('../client/planted-target.ts')],
  ['src/client/allowed.ts', importing('@noble/hashes/sha2.js')],
  ['src/cli/allowed.ts', importing('../store/redis/planted-target.ts')],
  ['test/conformance/allowed.ts', importing('../_util/planted-target.ts')],
  ['test/conformance/allowed-ws.ts', importing('ws')],
]

export const ALLOWED_USES = [
  ['src/config/env.ts', 'export const all = process.env'],
  ['src/cli/allowed-access.ts', "process.stdout.write('all is well')\nconsole.log(1)"],
  ['src/main.ts', "process.on('SIGTERM', () => {})"],
  ['src/mailbox/allowed-access.ts', '// not process.env\nexport const started = process.hrtime.bigint()'],
]

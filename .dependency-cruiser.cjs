// Which way imports point. `node ops/build/import-directions.mjs` runs these rules, and plants a violation of each one
// to see that it is caught.

/** Every room under src, and the rooms it may import besides itself. */
const MAY_IMPORT = {
  protocol: [],
  mailbox: ['protocol'],
  client: ['protocol'],
  config: ['protocol', 'mailbox'],
  store: ['protocol', 'mailbox'],
  admission: ['protocol', 'mailbox'],
  ohttp: ['protocol', 'mailbox'],
  http: ['protocol', 'mailbox'],
  ws: ['protocol', 'mailbox'],
  webpush: ['protocol', 'mailbox'],
  telemetry: ['protocol', 'mailbox'],
  disclosure: ['protocol', 'mailbox'],
  page: ['protocol', 'client'],
  load: ['protocol', 'client'],
}
/** These see every room: the wiring, the start, and the commands. */
const COMPOSITION = '^src/(app\\.ts|hardening\\.ts|main\\.ts|version\\.ts|cli/)'

const anyOf = (names) => `(${names.join('|')})`
/** A package, whether or not it is installed. */
const packages = (...names) => `(^|/node_modules/|^node_modules/)${anyOf(names)}(/|$)`
/** What npm resolves: in node_modules, or not found there. */
const NPM = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown', 'unknown']

const rooms = Object.entries(MAY_IMPORT).map(([room, others]) => ({
  name: `room-${room}`,
  comment: `src/${room} imports ${others.length > 0 ? `${others.join(' and ')} and ` : ''}itself, no other room`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^(src|test)/', pathNot: `^src/${anyOf([room, ...others])}/` },
}))

const structure = [
  {
    name: 'known-rooms',
    comment: 'a new folder under src needs a line in MAY_IMPORT, so that somebody has decided which way it points',
    severity: 'error',
    from: { path: '^src/', pathNot: [COMPOSITION, `^src/${anyOf(Object.keys(MAY_IMPORT))}/`] },
    to: {},
  },
  {
    name: 'app-is-below-main-and-cli',
    comment: 'app.ts wires rooms; main.ts starts it; cli calls main.ts',
    severity: 'error',
    from: { path: '^src/app\\.ts$' },
    to: { path: '^src/(main\\.ts$|cli/)' },
  },
  {
    name: 'main-is-below-cli',
    comment: 'what serves knows nothing of the commands',
    severity: 'error',
    from: { path: '^src/main\\.ts$' },
    to: { path: '^src/cli/' },
  },
  {
    name: 'composition-imports-no-test',
    comment: 'tests look at the product, never the other way round',
    severity: 'error',
    from: { path: COMPOSITION },
    to: { path: '^test/' },
  },
  {
    name: 'stores-apart',
    comment: 'the memory store and the Redis store do not know each other',
    severity: 'error',
    from: { path: '^src/store/(memory|redis)/' },
    to: { path: '^src/store/(memory|redis)/', pathNot: '^src/store/$1/' },
  },
  {
    name: 'no-cycles',
    comment: 'two files that need each other are one file, or three',
    severity: 'error',
    from: { path: '^(src|test)/' },
    to: { circular: true },
  },
  {
    name: 'resolvable',
    comment: 'an import that leads nowhere is an import that no other rule can judge',
    severity: 'error',
    from: { path: '^(src|test)/' },
    to: { couldNotResolve: true },
  },
]

const external = [
  {
    name: 'protocol-no-packages',
    comment: 'src/protocol is pure: no package and nothing of Node',
    severity: 'error',
    from: { path: '^src/protocol/' },
    to: { dependencyTypes: ['core', ...NPM] },
  },
  {
    name: 'mailbox-no-packages',
    comment: 'the domain needs no package',
    severity: 'error',
    from: { path: '^src/mailbox/' },
    to: { dependencyTypes: NPM },
  },
  {
    name: 'mailbox-no-io',
    comment: 'the domain reads no file and opens no connection',
    severity: 'error',
    from: { path: '^src/mailbox/' },
    to: { path: '^(node:)?(fs|net|http|http2|https|tls|dgram|dns|child_process|cluster|worker_threads)(/|$)' },
  },
  {
    name: 'client-runs-in-browsers',
    comment: 'the SDK uses nothing of Node',
    severity: 'error',
    from: { path: '^src/(client|page)/' },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'client-only-crypto-packages',
    comment: 'the SDK brings no package but its cryptography',
    severity: 'error',
    from: { path: '^src/(client|page)/' },
    to: { dependencyTypes: NPM, pathNot: packages('@noble/curves', '@noble/hashes') },
  },
  {
    name: 'fastify-at-the-edge',
    comment: 'Fastify stays in app and in the rooms that face the network',
    severity: 'error',
    from: { path: '^src/', pathNot: '^src/(app\\.ts$|(http|ws|ohttp|webpush|telemetry)/)' },
    to: { path: packages('fastify', 'fastify-plugin', '@fastify/[^/]+') },
  },
  {
    name: 'ioredis-in-its-store',
    comment: 'ioredis stays behind the store port',
    severity: 'error',
    from: { path: '^src/', pathNot: '^src/store/redis/' },
    to: { path: packages('ioredis') },
  },
  {
    name: 'logging-and-metrics-in-telemetry',
    comment: 'pino and prom-client stay behind the typed events and the closed label sets',
    severity: 'error',
    from: { path: '^src/', pathNot: '^src/telemetry/' },
    to: { path: packages('pino', 'prom-client') },
  },
  {
    name: 'product-no-dev-packages',
    comment: 'what users install needs what they install, and the AGPL code of the tests stays in the tests',
    severity: 'error',
    from: { path: '^src/' },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'process-by-its-global',
    comment:
      'process and console are used by their globals, where the check of the environment and of output sees them',
    severity: 'error',
    from: { path: '^src/' },
    to: { path: '^(node:)?(process|console)$' },
  },
]

const tests = [
  {
    name: 'runner-in-one-file',
    comment: 'tests take the runner from test/_util/tap.ts',
    severity: 'error',
    from: { path: '^(src|test)/', pathNot: '^test/_util/tap\\.ts$' },
    to: { path: packages('tap', '@tapjs/[^/]+') },
  },
  {
    name: 'test-utilities-need-no-test',
    comment: 'every kind of test uses them, so they belong to none',
    severity: 'error',
    from: { path: '^test/_util/' },
    to: { path: '^test/', pathNot: '^test/_util/' },
  },
  {
    name: 'conformance-knows-no-product',
    comment: 'the conformance client is written from the protocol alone: Node, ws and test/_util',
    severity: 'error',
    from: { path: '^test/conformance/' },
    to: { path: '^(src|test)/', pathNot: '^test/(conformance|_util)/' },
  },
  {
    name: 'conformance-reaches-no-product',
    comment: 'the test utilities that the conformance client uses must not lead it to src either',
    severity: 'error',
    from: { path: '^test/conformance/' },
    to: { path: '^src/', reachable: true },
  },
  {
    name: 'conformance-only-ws',
    comment: 'no package but ws may think for the conformance client',
    severity: 'error',
    from: { path: '^test/conformance/' },
    to: { dependencyTypes: NPM, pathNot: packages('ws', '@types/ws') },
  },
]

module.exports = {
  forbidden: [...rooms, ...structure, ...external, ...tests],
  options: {
    parser: 'swc', // with the default one nothing is parsed: TypeScript 7 has no JavaScript API
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    moduleSystems: ['es6', 'cjs', 'tsd'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
}

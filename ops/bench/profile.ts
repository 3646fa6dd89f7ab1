import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { killOnExit, terminate } from '../../test/_util/child-process.ts'
import { startRedis } from '../../test/_util/redis.ts'
import { startClients } from './clients.ts'
import { renderFlameGraph } from './flame-graph.ts'
import { ENVELOPE_BYTES, FULL, flowOf } from './measure.ts'
import { pin, SERVER_PROCESSOR } from './processes.ts'
import { frameTree, renderShares, topFunctions } from './profile-shares.ts'
import { BENCH_FOLDER, writeReadmeSection } from './readme-section.ts'
import { requirePrograms } from './requirements.ts'
import type { ProfileAnswer, ProfileRequest } from './servers/profiled-relay.ts'
import { AMPLE_LIMITS, systemNamed } from './systems.ts'

const SCRIPT = fileURLToPath(new URL('./servers/profiled-relay.js', import.meta.url))
const STOP_GRACE_MS = 5_000
const TOP = 10

interface Profiled {
  profile: Profiler.Profile
  messages: number
}

async function ask(relay: ChildProcess, request: ProfileRequest): Promise<ProfileAnswer> {
  const answered = once(relay, 'message')
  relay.send(request)
  const [answer] = (await answered) as [ProfileAnswer]
  return answer
}

/** Saturates a relay, and takes its profile once the traffic is steady. */
async function profileTraffic(relay: ChildProcess, pids: number[], seconds: number): Promise<Profiled> {
  const [listening] = (await once(relay, 'message')) as [ProfileAnswer]
  if (!('port' in listening)) throw new Error('the relay did not listen')
  for (const pid of pids) pin(pid, SERVER_PROCESSOR)
  const clients = startClients()
  try {
    const { senders, recipients, window } = FULL
    const { port } = listening
    await clients.prepare({ protocol: 'lethe', port, senders, recipients, window, envelopeBytes: ENVELOPE_BYTES })
    await clients.openRecipients()
    const flow = { ...flowOf(FULL, { pids }), warmSeconds: FULL.warmSeconds * 2 }
    await clients.flow({ ...flow, seconds: 0 })
    const flowing = clients.flow({ ...flow, warmMessages: 0, seconds: seconds + 2 })
    await sleep(1_000)
    await ask(relay, 'start')
    await sleep(seconds * 1_000)
    const answer = await ask(relay, 'stop')
    const { messages } = await flowing
    if (!('profile' in answer)) throw new Error('the relay gave no profile')
    return { profile: answer.profile, messages }
  } finally {
    await clients.stop()
  }
}

/** `npm run profile`: where the CPU goes on the hot path, as a page, as a profile, and as a table in the README. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '8' }, out: { type: 'string' } },
  })
  requirePrograms([systemNamed('lethe-redis')])
  const redis = await startRedis()
  const { PATH = '', HOME = '' } = process.env
  const relay = fork(SCRIPT, {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: {
      PATH,
      HOME,
      ...AMPLE_LIMITS,
      LETHE_PORT: '0',
      LETHE_ADMIN_PORT: '0',
      LETHE_REDIS_URL: redis.url,
      LETHE_STORE_SECRET: randomBytes(32).toString('base64url'),
    },
  })
  killOnExit(relay)
  try {
    const { profile, messages } = await profileTraffic(relay, [relay.pid as number, redis.pid], Number(values.seconds))
    if (messages === 0) throw new Error('no message got through')
    const out = values.out ?? fileURLToPath(new URL('results/profile', BENCH_FOLDER))
    const tree = frameTree(profile)
    const table = renderShares(topFunctions(tree, TOP))
    writeFileSync(`${out}.cpuprofile`, JSON.stringify(profile))
    writeFileSync(`${out}.html`, renderFlameGraph(tree))
    if (values.out === undefined) writeReadmeSection('profile', table)
    console.log(`${table}\n\nFlame graph, open it in a browser: ${out}.html`)
  } finally {
    await terminate(relay, STOP_GRACE_MS)
    await redis.stop()
  }
}

await main()

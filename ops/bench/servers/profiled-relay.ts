import { type Profiler, Session } from 'node:inspector/promises'
import { startRelay } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { readEnvironment } from '../../../src/config/env.ts'
import { createEvents } from '../../../src/telemetry/events.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'

/** What the parent process asks of the relay, and what it answers. */
export type ProfileRequest = 'start' | 'stop'
export type ProfileAnswer = { port: number } | { started: true } | { profile: Profiler.Profile }

const SAMPLE_MICROSECONDS = 250

/**
 * A relay whose profile can be taken from within. `lethe serve` refuses to start in a process that can be looked into, so
 * this goes round it.
 */
const config = loadConfig(readEnvironment())
const relay = await startRelay(config, { events: createEvents(createLogger(config.logLevel)) })
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS })

async function answer(request: ProfileRequest): Promise<ProfileAnswer> {
  if (request === 'start') {
    await session.post('Profiler.start')
    return { started: true }
  }
  return { profile: (await session.post('Profiler.stop')).profile }
}

process.on('message', async (request: ProfileRequest) => {
  process.send?.(await answer(request))
})
process.on('disconnect', () => process.exit())
process.send?.({ port: relay.port } satisfies ProfileAnswer)

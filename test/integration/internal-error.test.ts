import { startRelay } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { systemClock } from '../../src/mailbox/system-ports.ts'
import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { createEvents } from '../../src/telemetry/events.ts'
import { test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, fetchBody } from '../conformance/client.ts'
import { deposit, post } from '../conformance/http.ts'
import { checkProblem } from '../conformance/problems.ts'

const CANARY = 'what an error may say'

test('[protocol §6] what nobody foresaw is ERR_INTERNAL, says nothing of its cause, and hinders nobody', async (t) => {
  const lines: { event: string; fields: object }[] = []
  const store = createMemoryStore({ clock: systemClock, capacityBytes: 1_000_000 })
  let isBroken = true
  const survey = store.survey.bind(store)
  store.survey = async (buckets) => {
    if (isBroken) throw new TypeError(CANARY)
    return survey(buckets)
  }
  const config = loadConfig({ LETHE_PORT: '0', LETHE_ADMIN_PORT: '0' })
  const relay = await startRelay(config, {
    events: createEvents((event, fields) => lines.push({ event, fields })),
    store,
  })
  const url = `http://127.0.0.1:${relay.port}`
  const mailbox = createMailbox()
  const body = fetchBody(mailbox, url)
  const answer = await post({ url }, '/v1/mailbox/fetch', body)
  checkProblem(t, answer, 'ERR_INTERNAL')
  t.notMatch(answer.body.toString() + JSON.stringify(answer.headers), CANARY)
  t.equal((await deposit({ url }, mailbox.address, createEnvelope())).status, 202, 'others are served')
  isBroken = false
  t.equal((await post({ url }, '/v1/mailbox/fetch', body)).status, 200)
  await relay.drain()
  const events = createEvents(() => {})
  events.stopped()
  t.notMatch(JSON.stringify(lines), CANARY, 'nor does the log')
})

import { summarizeInventory } from '../../src/disclosure/summary.ts'
import { renderPage } from '../../src/page/page.ts'
import type { RelayInfo } from '../../src/page/relay-info.ts'
import { test } from '../_util/tap.ts'

const INFO: RelayInfo = {
  protocol: 'lethe.v1',
  publicOrigins: ['https://relay.example'],
  envelopeBytes: [4000, 64_000],
  ttlClasses: [60, 600],
  defaultTtl: 600,
  maxTtl: 604_800,
  window: 32,
  bucketBytes: 1,
  maxChannels: 1,
  metricsExact: false,
  metricsInterval: 60,
  metricsStep: 16,
  unsafeStore: [],
  admission: 'open',
  ohttpKeys: null,
  operator: { name: '<i>Nobody</i>', jurisdiction: null, contact: null },
  software: { name: 'lethe', version: '1.2.3', commit: null },
  data: summarizeInventory(),
}

test('the page loads nothing, runs nothing, and leads nowhere but to itself', async (t) => {
  const page = renderPage(INFO)
  t.notMatch(page, /<(script|link|img|iframe|object|embed|form|base)\b/i)
  t.notMatch(page, /\b(src|srcset|action|on\w+)\s*=|url\(|@import/i)
  t.same(
    [...page.matchAll(/href="([^"]*)"/g)].map(([, target]) => target),
    ['/v1/info'],
  )
})

test('the page says what is held while an envelope waits, while you are connected, and what is never kept', async (t) => {
  const page = renderPage(INFO)
  const { whileWaiting, whileConnected, neverHeld, logged, counted } = INFO.data
  const order = ['While an envelope waits', 'While you are connected', 'Never kept'].map((title) => page.indexOf(title))
  t.ok(order.every((at, i) => at > (order[i - 1] ?? 0)))
  for (const line of [...whileWaiting, ...whileConnected, ...neverHeld]) t.ok(page.includes(`<li>${line}</li>`), line)
  for (const name of [...logged, ...counted]) t.ok(page.includes(`<code>${name}</code>`), name)
})

test('the page tells what the operator has said of itself as text', async (t) => {
  const page = renderPage(INFO)
  t.ok(page.includes('&lt;i&gt;Nobody&lt;/i&gt;'))
  t.notOk(page.includes('<i>'))
  t.ok(page.includes('7 days'))
})

test('the page warns of an unsafe store and of exact metrics, before all else, and only then', async (t) => {
  t.notMatch(renderPage(INFO), /class="warning"/)
  const page = renderPage({ ...INFO, unsafeStore: ['save', 'monitor'], metricsExact: true })
  t.equal(page.match(/<p class="warning">/g)?.length, 2)
  t.match(page, /the store is unsafe.*\(save, monitor\)/)
  t.ok(page.lastIndexOf('class="warning"') < page.indexOf('<h2>'))
})

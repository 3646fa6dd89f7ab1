import type { RelayData, RelayInfo } from './relay-info.ts'

const STYLE = `
:root { color-scheme: light dark; --text: #22262a; --quiet: #5c656e; --line: #dfe3e7; --back: #fdfdfc; --link: #0b5cad; --warn: #b45309 }
@media (prefers-color-scheme: dark) {
  :root { --text: #d9dde1; --quiet: #98a2ac; --line: #2d343b; --back: #14171a; --link: #8bbcf0; --warn: #f0a848 }
}
body {
  font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem;
  color: var(--text); background: var(--back); overflow-wrap: anywhere
}
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 1rem }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-top: 1.5rem; border-top: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem }
p { margin: .5rem 0 }
ul { margin: .25rem 0; padding-left: 1.25rem }
li { margin: .35rem 0 }
li::first-letter { text-transform: uppercase }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .4rem 1.5rem; margin: .75rem 0 }
dt { color: var(--quiet) }
dd { margin: 0 }
a { color: var(--link) }
summary { cursor: pointer; color: var(--link) }
.warning { border-left: 4px solid var(--warn); padding: .25rem 1rem; margin: 1rem 0 }
code { font: .85em ui-monospace, monospace; color: var(--quiet); margin-right: .6em }
@media (max-width: 30rem) { dl { display: block } dd { margin: 0 0 .75rem } }
`

/** The page at `/`: what this relay is, and what it can and cannot be made to produce. */
export function renderPage(info: RelayInfo): string {
  const { operator, software } = info
  const rows: [string, string][] = [
    ['Operator', operator.name ?? 'not stated'],
    ['Jurisdiction', operator.jurisdiction ?? 'not stated'],
    ['Contact', operator.contact ?? 'not stated'],
    ['Origins', info.publicOrigins.join(', ')],
    ['Envelope sizes', info.envelopeBytes.map((size) => `${size} bytes`).join(', ')],
    ['Longest lifetime', durationOf(info.maxTtl)],
    ['Metrics', metricsOf(info)],
    ['Software', `Lethe ${software.version}${software.commit ? `, commit ${software.commit}` : ''}`],
  ]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Lethe relay</title>
<style>${STYLE}</style>
<h1>This is a Lethe relay</h1>
<p>It holds sealed envelopes until their recipient acknowledges them or their time is up, and then forgets them.
There are no accounts here.</p>
${warnings(info)}<h2>What it can be made to produce</h2>
<p>For a mailbox address that somebody already knows: how many sealed envelopes wait under it, of which size, and in
which window of time each expires; and, while that lasts, whether the mailbox is connected. The envelopes themselves are
encrypted by whoever sent them, and the relay has no key to them.</p>
${renderData(info.data)}
<h2>What this page cannot show</h2>
<p>This is what the software says of itself. Whoever controls the machine could run another, and could see connections
come and go. What is encrypted before it gets here stays encrypted all the same.</p>
<h2>This relay</h2>
<dl>${rows.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('\n')}</dl>
<p>The same for programs: <a href="/v1/info">/v1/info</a></p>
</html>
`
}

/** What is held, and what never, in lists. */
function renderData({ whileWaiting, whileConnected, neverHeld, logged, counted }: RelayData): string {
  const list = (items: readonly string[]) =>
    `<ul>${items.map((item) => `\n<li>${escapeHtml(item)}</li>`).join('')}\n</ul>`
  const names = (items: readonly string[]) => items.map((item) => `<code>${escapeHtml(item)}</code>`).join(' ')
  return `<h2>What is held</h2>
<h3>While an envelope waits</h3>
${list(whileWaiting)}
<h3>While you are connected, and no longer</h3>
${list(whileConnected)}
<h3>Never kept</h3>
${list(neverHeld)}
<h3>In the log and the metrics</h3>
<p>The relay writes down when it started and stopped and what went wrong with it, and counts all mailboxes together. No
line and no number is about one mailbox, envelope or connection.</p>
<details><summary>All ${logged.length} kinds of line, and all ${counted.length} counters</summary>
<p>${names(logged)}</p>
<p>${names(counted)}</p>
</details>`
}

function metricsOf({ metricsExact, metricsInterval, metricsStep }: RelayInfo): string {
  if (metricsExact) return 'exact and live, as for a load test: whoever reads them sees each message pass'
  return `counts over all mailboxes, in steps of ${metricsStep}, every ${metricsInterval} seconds`
}

/** Nothing where there is nothing to warn of. */
function warnings({ unsafeStore, metricsExact }: RelayInfo): string {
  const texts = [
    ...(unsafeStore.length === 0
      ? []
      : [
          'Warning: the store is unsafe, and the operator has allowed it: its settings may keep what the relay erases, on a disk ' +
            `or in a log (${unsafeStore.join(', ')}).`,
        ]),
    ...(metricsExact ? ['Warning: the metrics are exact and live. Whoever reads them sees each message pass.'] : []),
  ]
  return texts.map((text) => `<p class="warning">${escapeHtml(text)}</p>\n`).join('')
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const

/** `7 days`: in the largest unit that it is a whole number of. */
function durationOf(seconds: number): string {
  const [unit, length] = UNITS.find(([, length]) => seconds % length === 0) ?? ['second', 1]
  const count = seconds / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

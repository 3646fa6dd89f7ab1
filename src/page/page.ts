import type { RelayInfo } from './relay-info.ts'

/** The page at `/`: what this relay is, and what it can and cannot be made to produce. */
export function renderPage(info: RelayInfo): string {
  const { operator, software } = info
  const rows: [string, string][] = [
    ['Operator', operator.name ?? 'not stated'],
    ['Jurisdiction', operator.jurisdiction ?? 'not stated'],
    ['Contact', operator.contact ?? 'not stated'],
    ['Origins', info.publicOrigins.join(', ')],
    ['Envelope sizes', info.envelopeBytes.map((size) => `${size} bytes`).join(', ')],
    ['Longest lifetime', `${info.maxTtl} seconds`],
    ['Software', `Lethe ${software.version}${software.commit ? `, commit ${software.commit}` : ''}`],
  ]
  const table = rows.map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Lethe relay</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
th { text-align: left; padding-right: 1.5rem; vertical-align: top; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { background: #14171a; color: #ddd } a { color: #8bf } }
</style>
<h1>This is a Lethe relay</h1>
<p>It holds sealed messages until their recipient acknowledges them or their time is up, and then forgets them.
There are no accounts here.</p>
<h2>What it can be made to produce</h2>
<p>For a mailbox address that somebody already knows: how many sealed envelopes wait under it at that moment, of which
size, and in which window of time each expires.</p>
<h2>What it cannot</h2>
<p>Who sent an envelope, what is in it, who knows whom, what was delivered before, when a mailbox was first or last used,
a mailbox by name or number. None of this is kept.</p>
<h2>This relay</h2>
<table>${table.join('')}</table>
<p>The same for programs: <a href="/v1/info">/v1/info</a></p>
</html>
`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

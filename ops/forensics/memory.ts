import { parseArgs } from 'node:util'
import { writeIntoDocument } from './document.ts'
import { type Images, takeImages } from './memory-images.ts'

const KINDS = [
  ['http envelope', "the sender's ciphertext, sent over HTTP"],
  ['socket envelope', 'the same, sent over a socket'],
  ['sealed', 'either, sealed for Redis'],
  ['address', 'addresses'],
  ['publicKey', 'public keys of mailboxes'],
  ['sealKey', 'keys that open what is sealed'],
  ['queueId', 'queueIds'],
  ['storeSecret', 'storeSecret'],
] as const

const PLACES = [
  ['relay', 'relay'],
  ['redis', 'Redis'],
] as const

function render(images: readonly Images[], envelopes: number): string {
  const lines = [
    ['found of', 'in', ...images.map(({ moment }) => moment)],
    Array.from({ length: images.length + 2 }, () => '---'),
  ]
  for (const [kind, title] of KINDS) {
    const total = kind === 'storeSecret' ? 1 : kind.endsWith(' envelope') ? envelopes / 2 : envelopes
    for (const [place, name] of PLACES) {
      lines.push([title, name, ...images.map((image) => `${image[place].get(kind)?.size ?? 0} of ${total}`)])
    }
  }
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/**
 * `npm run forensics:memory`: what is left in the memory of relay and Redis after everything was acknowledged: at once,
 * after a pause, and after as much traffic again, as a table; with `--write` into docs/threat-model.md.
 */
const { values } = parseArgs({
  options: {
    envelopes: { type: 'string', default: '400' },
    pause: { type: 'string', default: '60' },
    write: { type: 'boolean', default: false },
  },
})
const envelopes = Number(values.envelopes)
const others = [envelopes, 10 * envelopes]
const table = render(await takeImages({ envelopes, pauseSeconds: Number(values.pause), others }), envelopes)
process.stdout.write(`${table}\n`)
if (values.write) writeIntoDocument('memory', 'npm run forensics:memory -- --write', table)

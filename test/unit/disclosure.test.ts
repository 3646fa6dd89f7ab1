import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { createDisclosure } from '../../src/disclosure/disclose.ts'
import type { Disclosure } from '../../src/disclosure/disclosure.ts'
import { disclosureText } from '../../src/disclosure/disclosure-text.ts'
import { INVENTORY } from '../../src/disclosure/inventory.ts'
import { NOT_HELD } from '../../src/disclosure/not-held.ts'
import { createRefusal, refusalText } from '../../src/disclosure/refusal.ts'
import { expiryOf, TTL_CLASSES } from '../../src/protocol/retention.ts'
import { test } from '../_util/tap.ts'
import { SAMPLE } from './disclosure-sample.ts'
import { createSchemaCheck, disclosureSchema } from './disclosure-schema.ts'

const LAWFUL_REQUESTS = new URL('../../../docs/lawful-requests.md', import.meta.url)

/** The sample with one envelope of a class, arrived at a moment. */
function arrived(nowSeconds: number, classIndex: number): Disclosure {
  const entries = [{ seq: 7, envelopeBytes: 4000, isSealedHere: true, ciphertext: undefined }]
  const expiresAt = expiryOf(nowSeconds, classIndex)
  const found = [{ secret: 'live' as const, classIndex, expiresAt, base: 7, last: 7, entries }]
  return createDisclosure({ ...SAMPLE, found, readFromSeconds: nowSeconds, readUntilSeconds: nowSeconds })
}

test('[protocol §3] an envelope came within the window that is stated, which is a sixth of its class', async (t) => {
  const moments = fc.record({
    now: fc.integer({ min: 1_600_000_000, max: 4_000_000_000 }),
    classIndex: fc.nat({ max: 4 }),
  })
  let seen = 0
  fc.assert(
    fc.property(moments, ({ now, classIndex }) => {
      const { waiting } = arrived(now, classIndex)
      const group = waiting?.groups.find(({ envelopes }) => envelopes > 0)
      const [window] = group?.windows ?? []
      const [from, before, erased] = [window?.arrivedFrom, window?.arrivedBefore, window?.erasedAt].map(
        (time) => Date.parse(time ?? '') / 1000,
      ) as [number, number, number]
      seen++
      return (
        from <= now &&
        now < before &&
        before - from === (group?.ttlClassSeconds ?? 0) / 6 &&
        erased > now &&
        erased - now <= (group?.ttlClassSeconds ?? 0) &&
        group?.ttlClassSeconds === TTL_CLASSES[classIndex]
      )
    }),
  )
  t.ok(seen > 50)
})

test('the counts add up, and what was acknowledged meanwhile is counted apart', async (t) => {
  const { waiting } = createDisclosure(SAMPLE)
  t.equal(waiting?.envelopes, 7)
  t.equal(
    waiting?.groups.reduce((sum, { envelopes }) => sum + envelopes, 0),
    7,
  )
  t.equal(waiting?.groups.length, 2 * TTL_CLASSES.length)
  const windows = waiting?.groups.flatMap(({ windows }) => windows) ?? []
  t.same(
    windows.map(({ storeSecret, waiting, acknowledged, places }) => [storeSecret, waiting, acknowledged, places]),
    [
      ['read-only 1', 3, 0, [1, 2, 3]],
      ['live', 3, 3, [2, 5, 6]],
      ['live', 1, 0, [1]],
    ],
  )
})

test('a size that the relay no longer takes is there all the same', async (t) => {
  const [bucket] = SAMPLE.found ?? []
  const entries = [4000, 5000, 5000].map((envelopeBytes, i) => ({
    seq: 77_000 + i,
    envelopeBytes,
    isSealedHere: i < 2,
    ciphertext: undefined,
  }))
  const found = bucket ? [{ ...bucket, entries }] : []
  const { waiting } = createDisclosure({ ...SAMPLE, found })
  t.same(
    waiting?.groups
      .filter(({ envelopes }) => envelopes > 0)
      .map(({ envelopeBytes, envelopes, windows }) => [
        envelopeBytes,
        envelopes,
        windows.map(({ places, notSealedHere }) => [places, notSealedHere]),
      ]),
    [
      [4000, 1, [[[1], 0]]],
      [5000, 2, [[[2, 3], 1]]],
    ],
  )
})

test('ciphertext is in the document only where it was asked for', async (t) => {
  const found = (SAMPLE.found ?? []).map((bucket) => ({
    ...bucket,
    entries: bucket.entries.map((entry, i) => ({ ...entry, ciphertext: i === 0 ? Buffer.from('canary') : undefined })),
  }))
  const without = createDisclosure({ ...SAMPLE, found })
  t.equal(without.ciphertext, null)
  t.notOk(JSON.stringify(without).includes(Buffer.from('canary').toString('base64')))
  const { ciphertext } = createDisclosure({ ...SAMPLE, found, includeCiphertext: true })
  t.equal(ciphertext?.envelopes.length, 7)
  t.same(
    ciphertext?.envelopes.slice(0, 2).map(({ place, ciphertext }) => [place, ciphertext]),
    [
      [1, Buffer.from('canary').toString('base64')],
      [2, null],
    ],
  )
})

test('everything that the inventory says of a bucket is explained', async (t) => {
  const { stored } = createDisclosure(SAMPLE)
  const names = INVENTORY.filter(({ part }) => part.startsWith('lethe1:{ppp}:<bucketTag>')).map(({ name }) => name)
  t.same(
    stored.map(({ name }) => name),
    names,
  )
  for (const { name, given } of stored) t.ok(typeof given === 'string' && given.length > 5, name)
})

test('documents are as docs/disclosure.schema.json says, and nothing else is', async (t) => {
  const check = await createSchemaCheck()
  const document = createDisclosure(SAMPLE)
  const options = NOT_HELD.flatMap(({ options }) => options)
  const valid = [
    document,
    createDisclosure({ ...SAMPLE, publicKey: undefined, presence: 'open', includeCiphertext: true }),
    createDisclosure({ ...SAMPLE, found: [], includeCiphertext: true }),
    createDisclosure({ ...SAMPLE, found: undefined, presence: 'cannot be asked' }),
    createRefusal(options),
  ]
  for (const one of valid) t.equal(await check(one), '')
  const invalid = [
    {},
    { ...document, senders: [] },
    { ...document, notHeld: undefined },
    { ...document, madeAt: '2026-11-23' },
    { ...document, configuration: { ...document.configuration, storeSecret: 'x' } },
    { ...createRefusal(options), asked: [] },
  ]
  for (const one of invalid) t.not(await check(one), '')
})

test('docs/disclosure.schema.json leaves no object open and describes no field that is not there', async (t) => {
  const open: string[] = []
  const walk = (schema: unknown, path: string) => {
    if (typeof schema !== 'object' || schema === null) return
    const { type, properties, required, additionalProperties } = schema as Record<string, unknown>
    if (type === 'object' && path !== '') {
      const names = Object.keys(properties ?? {})
      if (additionalProperties !== false || String(names) !== String(required)) open.push(path)
    }
    for (const [name, inner] of Object.entries(schema)) walk(inner, `${path}/${name}`)
  }
  walk(disclosureSchema, '')
  t.same(open, [])
})

test('the text for counsel fits a page and says the numbers of the document', async (t) => {
  const document = createDisclosure(SAMPLE)
  const text = disclosureText(document)
  for (const line of text.split('\n')) t.ok(line.length <= 90, line)
  for (const said of ['7 sealed envelopes wait', '2, 5–6', '2026-11-24 08:00:00 UTC', document.asked.address]) {
    t.ok(text.includes(said), said)
  }
  const joined = text.replace(/\s+/g, ' ')
  for (const { reason } of document.notHeld) t.ok(joined.includes(reason))
  for (const { why } of document.notCovered) t.ok(joined.includes(why))
  const empty = disclosureText(createDisclosure({ ...SAMPLE, found: [] }))
  t.match(empty.replace(/\s+/g, ' '), /Nothing\. No envelope waits for this mailbox/)
  const memory = disclosureText(createDisclosure({ ...SAMPLE, found: undefined, presence: 'cannot be asked' }))
  t.match(memory.replace(/\s+/g, ' '), /Only the running process could tell/)
})

test('every presence is explained in its own words', async (t) => {
  const presences = ['not asked', 'open', 'no answer', 'cannot be asked'] as const
  const explanations = presences.map((presence) => createDisclosure({ ...SAMPLE, presence }).connected)
  t.same(
    explanations.map(({ answer }) => answer),
    presences,
  )
  t.equal(new Set(explanations.map(({ explanation }) => explanation)).size, presences.length)
})

test('what cannot be looked up is answered with what and why', async (t) => {
  const options = NOT_HELD.flatMap(({ options }) => options)
  t.equal(new Set(options).size, options.length, 'no option is in two categories')
  const { asked } = createRefusal(options)
  t.equal(asked.length, options.length)
  for (const { reason, what } of asked) t.ok(reason.length > 40 && what.length > 10)
  t.match(refusalText(createRefusal(['phone'])), /^--phone: this relay does not hold names, phone numbers/)
})

test('docs/lawful-requests.md shows the sample as the tool makes it, and names every option asked in vain', async (t) => {
  const page = readFileSync(LAWFUL_REQUESTS, 'utf8')
  const [, sample = ''] = /\n```text\n([\s\S]*?)```\n/.exec(page) ?? []
  t.ok(sample === disclosureText(createDisclosure(SAMPLE)), 'stale: put in what disclosureText makes of the sample')
  const named = new Set(page.match(/`--[a-z-]+`/g))
  for (const option of NOT_HELD.flatMap(({ options }) => options)) t.ok(named.has(`\`--${option}\``), option)
})

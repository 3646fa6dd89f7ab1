import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { createMailbox, exportMailbox, loadMailbox, type Mailbox } from '../../src/client/index.ts'
import { readAddress, signOpen, signRequest } from '../../src/client/mailbox.ts'
import { toBase64url } from '../../src/protocol/bytes.ts'
import { test } from '../_util/tap.ts'

type Case = Readonly<Record<string, string>>
type Group = 'address' | 'open' | 'fetch' | 'ack'

const vectors: { cases: Record<Group, Case[]> } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/lethe_v1.json', import.meta.url), 'utf8'),
)
const addresses = new Map(vectors.cases.address.map((one) => [one.privateSeed, one.addressText]))

const fromHex = (hex = ''): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function mailboxOf({ privateSeed = '' }: Case): Mailbox {
  const [secretKey, address] = [toBase64url(fromHex(privateSeed)), addresses.get(privateSeed)]
  return loadMailbox(JSON.stringify({ format: 'lethe mailbox', version: 1, address, secretKey }))
}

test('[protocol §1] keys and addresses are those of the vectors', async (t) => {
  for (const one of vectors.cases.address) {
    const mailbox = mailboxOf(one)
    t.equal(toHex(mailbox.publicKey), one.publicKey)
    t.equal(toHex(mailbox.address), one.address)
    t.equal(mailbox.addressText, one.addressText)
  }
})

test('[protocol §5] signatures are those of the vectors', async (t) => {
  for (const one of vectors.cases.open) {
    t.equal(
      toHex(signOpen(mailboxOf(one), one.origin as string, fromHex(one.nonce))),
      one.signature,
      `open ${one.name}`,
    )
  }
  for (const kind of ['fetch', 'ack'] as const) {
    for (const one of vectors.cases[kind]) {
      const [covered, signature] = [fromHex(one.body).subarray(0, -64), fromHex(one.body).subarray(-64)]
      t.same(signRequest(mailboxOf(one), kind, one.origin as string, covered), signature, `${kind} ${one.name}`)
    }
  }
})

test('a mailbox can be exported and loaded, and is then the same one', async (t) => {
  const mailbox = createMailbox()
  const text = exportMailbox(mailbox)
  const loaded = loadMailbox(text)
  t.equal(loaded.addressText, mailbox.addressText)
  t.same(loaded.publicKey, mailbox.publicKey)
  t.equal(exportMailbox(loaded), text)
  t.same(Object.keys(JSON.parse(text)), ['format', 'version', 'address', 'secretKey'])
  t.notMatch(text, '\n')
})

test('no two mailboxes are the same', async (t) => {
  const made = Array.from({ length: 20 }, () => createMailbox().addressText)
  t.equal(new Set(made).size, 20)
})

test('the private key shows in nothing but the export', async (t) => {
  const mailbox = createMailbox()
  const { secretKey } = JSON.parse(exportMailbox(mailbox))
  const asNumbers = Buffer.from(secretKey, 'base64url').join(', ')
  const asHex = Buffer.from(secretKey, 'base64url').toString('hex')
  const shown = [
    JSON.stringify(mailbox),
    JSON.stringify({ mailbox, more: [mailbox] }),
    inspect(mailbox, { showHidden: true, depth: 9, maxArrayLength: null }),
    String(mailbox),
    JSON.stringify(Object.entries(Object.getOwnPropertyDescriptors(mailbox))),
    JSON.stringify({ ...mailbox }),
    inspect(structuredClone({ ...mailbox }), { maxArrayLength: null }),
  ]
  for (const text of shown) {
    for (const form of [secretKey, asHex, asNumbers, asNumbers.replaceAll(' ', '')]) t.notOk(text.includes(form))
  }
  t.same(JSON.parse(JSON.stringify(mailbox)), { address: mailbox.addressText })
})

test('what is no saved mailbox is refused, and the error repeats nothing of it', async (t) => {
  const saved = JSON.parse(exportMailbox(createMailbox()))
  const other = createMailbox().addressText
  const wrong = {
    'no JSON': 'SECRET',
    'another JSON': '"SECRET"',
    null: 'null',
    'no fields': '{}',
    'another format': JSON.stringify({ ...saved, format: 'SECRET' }),
    'a later version': JSON.stringify({ ...saved, version: 2 }),
    "another key's address": JSON.stringify({ ...saved, address: other }),
    'a short key': JSON.stringify({ ...saved, secretKey: saved.secretKey.slice(4) }),
    'a key with padding': JSON.stringify({ ...saved, secretKey: `${saved.secretKey}=` }),
    'no key': JSON.stringify({ ...saved, secretKey: undefined }),
  }
  for (const [what, text] of Object.entries(wrong)) {
    try {
      loadMailbox(text)
      t.fail(what)
    } catch (error) {
      t.match(error, { code: 'ERR_MAILBOX_TEXT', name: 'ClientError' }, what)
      t.notMatch(inspect(error), /SECRET/, what)
      t.notOk(inspect(error).includes(saved.secretKey), what)
    }
  }
})

test('an address is 32 bytes or the one text of them', async (t) => {
  const { address, addressText } = createMailbox()
  t.same(readAddress(address), address)
  t.same(readAddress(addressText), address)
  for (const wrong of [
    '',
    addressText.slice(1),
    `${addressText}A`,
    `${addressText}=`,
    address.subarray(1),
    'é'.repeat(43),
  ]) {
    t.throws(() => readAddress(wrong), { code: 'ERR_ADDRESS' })
  }
  t.throws(() => readAddress([...address] as never), { code: 'ERR_ADDRESS' })
})

import { readFileSync } from 'node:fs'
import Fastify from 'fastify'

const FILE = new URL('../../../docs/disclosure.schema.json', import.meta.url)

export const disclosureSchema = JSON.parse(readFileSync(FILE, 'utf8'))

/**
 * Gives a check of documents against docs/disclosure.schema.json: what is wrong with one, empty text where nothing is.
 * It is the validator that Fastify has anyway, set to change nothing.
 */
export async function createSchemaCheck(): Promise<(document: unknown) => Promise<string>> {
  const customOptions = { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true } as const
  const app = Fastify({ logger: false, bodyLimit: 100_000_000, ajv: { customOptions } })
  app.post('/', { schema: { body: disclosureSchema } }, async () => '')
  app.setErrorHandler((error: Error, _request, reply) => reply.code(400).send(error.message))
  await app.ready()
  return async (document) => {
    const headers = { 'content-type': 'application/json' }
    const { body } = await app.inject({ method: 'POST', url: '/', headers, payload: JSON.stringify(document) })
    return body
  }
}

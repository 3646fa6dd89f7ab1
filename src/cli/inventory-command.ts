import { inventoryJson, inventoryMarkdown, inventoryText } from '../disclosure/render-inventory.ts'
import { defineCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

export const inventoryCommand = defineCommand({
  name: 'inventory',
  summary: 'list every piece of information that a relay can come to hold',
  options: {
    json: { help: 'print an object: fields, neverHeld' },
    markdown: { help: 'print docs/data-inventory.md' },
  },
  about: `
Lists what this version can hold anywhere: in Redis, in memory, in its log and metrics, in what it answers and in its
environment; and what can come to be outside of it. Looks at no running relay (see: lethe audit, lethe disclose).`,
  async run({ flags }) {
    if (flags.size > 1) throw new Failure(EXIT.usage, 'lethe inventory: --json or --markdown, not both')
    const print = flags.has('json') ? inventoryJson : flags.has('markdown') ? inventoryMarkdown : inventoryText
    process.stdout.write(print())
    return EXIT.ok
  },
})

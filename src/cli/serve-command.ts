import { findOpenings, keepCoreDumpsEmpty, keepInspectorShut } from '../hardening.ts'
import { defineCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { readProcessFacts } from './process-facts.ts'

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'run the relay',
  options: {},
  about: `
Runs the relay until it gets SIGTERM or SIGINT, then drains: new connections are refused, open ones are asked to come
back elsewhere. Everything is set by LETHE_ variables in the environment (see: lethe config --help); with none of them
it listens on http://localhost:8080 with the embedded memory store, which forgets everything on exit.`,
  // Loaded here, since the other commands start faster without a server.
  async run() {
    keepInspectorShut()
    keepCoreDumpsEmpty()
    const openings = findOpenings(await readProcessFacts({ logLevel: 'info' }))
    if (openings.length > 0) throw new Failure(EXIT.config, openings.join('\n'))
    const { serve } = await import('../main.ts')
    return await serve()
  },
})

import type { Socket } from 'node:net'

const corked: Socket[] = []

/** Holds back what is written to a transport until the end of this turn of the event loop, then writes it in one go. */
export function corkForTurn(transport: Socket): void {
  if (transport.writableCorked > 0) return
  transport.cork()
  // Runs once all promises that are settled by now have been acted upon.
  if (corked.push(transport) === 1) process.nextTick(uncorkAll)
}

function uncorkAll(): void {
  for (const transport of corked) transport.uncork()
  corked.length = 0
}

/** Something that gathers what one turn of the event loop has to write. */
export interface FramesOfTurn {
  flush(): void
}

let gathered: FramesOfTurn[] = []

/** Has it flushed at the end of this turn, when all that has arrived by now on any socket was looked at. */
export function flushAfterTurn(frames: FramesOfTurn): void {
  if (gathered.push(frames) === 1) setImmediate(flushAll)
}

function flushAll(): void {
  const all = gathered
  gathered = []
  for (const frames of all) frames.flush()
}

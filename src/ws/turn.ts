/** Something that gathers what one turn of the event loop has to write. */
export interface FramesOfTurn {
  flush(): void
}

let gathered: FramesOfTurn[] = []

/** Has it flushed at the end of this turn, once all promises that are settled by now have been acted upon. */
export function flushAfterTurn(frames: FramesOfTurn): void {
  if (gathered.push(frames) === 1) process.nextTick(flushAll)
}

function flushAll(): void {
  const all = gathered
  gathered = []
  for (const frames of all) frames.flush()
}

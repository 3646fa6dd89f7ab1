import { renameSync } from 'node:fs'
import { writeHeapSnapshot } from 'node:v8'

// Loaded into a relay before anything else: on SIGUSR2 it writes all that the relay holds to HEAP_SNAPSHOT_FILE. The option
// of Node that does the same is one that no relay starts with.
process.on('SIGUSR2', () => {
  const file = process.env.HEAP_SNAPSHOT_FILE
  if (file === undefined) return
  writeHeapSnapshot(`${file}.part`)
  renameSync(`${file}.part`, file)
})

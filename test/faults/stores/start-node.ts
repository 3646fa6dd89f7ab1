import { fileURLToPath } from 'node:url'

/** A node stays away for longer than the others need to put somebody in its place. */
const ABSENCE_SECONDS = 5

/** How the overlays of deploy/ start a node again: as nobody, after it was missed. */
export const AS_DEPLOYED = {
  command: fileURLToPath(new URL('../../../../deploy/redis/start-node', import.meta.url)),
  env: { LETHE_ABSENCE_SECONDS: String(ABSENCE_SECONDS) },
}

import type { Storm } from '../clients/crowd.ts'
import { type Effort, targetOf, withServer } from '../measure.ts'
import { startScript, systemNamed } from '../systems.ts'

/** The same crowd at a bare `ws` server and at a relay on Redis. */
export interface Reconnect {
  readonly bare: Storm
  readonly relay: Storm
}

/**
 * One round: so many clients that were connected lose their connection and come back in the same moment, each to a mailbox
 * in which one envelope waits. The bare server pushes one as well.
 */
export async function measureReconnect(count: number, effort: Effort): Promise<Reconnect> {
  const echo = { ...systemNamed('ws-echo'), start: () => startScript('ws-echo', ['--one-waits']) }
  const bare = await withServer(echo, {}, async (server, clients) => {
    await clients.prepare({ ...targetOf('lethe', server, effort), recipients: count })
    await clients.hold({ count, kind: 'mailbox' })
    await clients.release()
    return await clients.storm()
  })
  const relay = await withServer(systemNamed('lethe-redis'), {}, async (server, clients) => {
    // Few under way, for none may be refused: every mailbox has to get its one.
    await clients.prepare({ ...targetOf('lethe', server, effort), recipients: count, window: 2 })
    await clients.hold({ count, kind: 'mailbox' })
    await clients.release()
    const { outcome } = await clients.store({ count, pids: server.pids })
    if (outcome.refused > 0) throw new Error(`${outcome.refused} deposits were refused before anybody came back`)
    return await clients.storm()
  })
  return { bare, relay }
}

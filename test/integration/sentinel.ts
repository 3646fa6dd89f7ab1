import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killOnExit, terminate } from '../_util/child-process.ts'
import { findFreePort } from '../_util/ports.ts'
import { redisCli } from '../_util/redis-cli.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

/** Starts one Sentinel that watches a master under a name, and knows its replicas. Ends with the test. @returns its port */
export async function startSentinel(t: Test, name: string, master: number, replicas: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-sentinel-'))
  const port = await findFreePort()
  const file = join(folder, 'sentinel.conf')
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, `sentinel monitor ${name} 127.0.0.1 ${master} 1`]
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  killOnExit(child)
  t.teardown(async () => {
    await terminate(child, 5_000)
    await rm(folder, { recursive: true, force: true })
  })
  await eventually(async () => {
    const known = await redisCli(port, ['SENTINEL', 'REPLICAS', name])
    return known.toString().split('runid').length === replicas + 1
  })
  return port
}

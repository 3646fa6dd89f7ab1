import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit } from '../_util/child-process.ts'
import { startCluster } from '../_util/cluster.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const SCRIPT = fileURLToPath(new URL('./closing-stores.js', import.meta.url))
const END_MS = 20_000

test('a store on a cluster leaves nothing behind that keeps a process alive', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  const child = spawn(process.execPath, [SCRIPT, ...cluster.nodes.map(({ port }) => String(port))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  killOnExit(child)
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await eventually(() => output.includes('closed'), { timeoutMs: 120_000 })
  const code = await Promise.race([exited(child), new Promise((resolve) => setTimeout(resolve, END_MS, 'still runs'))])
  t.equal(code, 0, 'it ends by itself')
})

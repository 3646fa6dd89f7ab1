import { readFile } from 'node:fs/promises'

/** Always in memory, whatever machine it is on: the one that `deploy/redis/redis.conf` names. */
const MEMORY_FOLDER = '/dev/shm'
const MEMORY_FILE_SYSTEMS = ['tmpfs', 'ramfs']

/**
 * Where a node's folder lies. Of another machine that can only be told by the name.
 * @param pid of the node, by its own account; it is on this machine if that process here is a Redis on the same port
 */
export async function locateFolder(path: string, pid: number, port: number): Promise<'memory' | 'disk' | undefined> {
  if (await isRedis(pid, port)) {
    const fileSystem = await fileSystemOf(pid, path)
    if (fileSystem !== undefined) return MEMORY_FILE_SYSTEMS.includes(fileSystem) ? 'memory' : 'disk'
  }
  return isWithin(path, MEMORY_FOLDER) ? 'memory' : undefined
}

async function isRedis(pid: number, port: number): Promise<boolean> {
  const title = (await read(`/proc/${pid}/cmdline`)) ?? ''
  return title.includes('redis') && title.includes(`:${port}`)
}

async function fileSystemOf(pid: number, path: string): Promise<string | undefined> {
  const mounts = (await read(`/proc/${pid}/mounts`))?.split('\n').map((line) => line.split(' ')) ?? []
  let best: string[] | undefined
  for (const mount of mounts) {
    // A later mount hides an earlier one at the same place.
    const [, place = ''] = mount
    if (place !== '' && isWithin(path, place) && place.length >= (best?.[1]?.length ?? 0)) best = mount
  }
  return best?.[2]
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

async function read(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}

import { readFile } from 'node:fs/promises'

/** Always in memory, whatever machine it is on: the one that `deploy/redis/redis.conf` names. */
const MEMORY_FOLDER = '/dev/shm'
const MEMORY_FILE_SYSTEMS = ['tmpfs', 'ramfs']

/** A Redis that runs on this machine, as the system sees it. */
export interface LocalProcess {
  /** Type of the file system that a path lies on for that process; undefined where it cannot be told. */
  readFileSystem(path: string): Promise<string | undefined>
  /** Largest core dump, as the system puts it: `0`, `unlimited`; undefined where it cannot be told. */
  readCoreLimit(): Promise<string | undefined>
}

/**
 * The process of a node, if it is on this machine: if the one with that number here is a Redis on the same port.
 * @param pid of the node, by its own account
 */
export async function findProcess(pid: number, port: number): Promise<LocalProcess | undefined> {
  const title = (await read(`/proc/${pid}/cmdline`)) ?? ''
  if (!title.includes('redis') || !title.includes(`:${port}`)) return undefined
  return {
    readFileSystem: async (path) => fileSystemOf(path, (await read(`/proc/${pid}/mounts`)) ?? ''),
    readCoreLimit: async () => /^Max core file size\s+(\S+)/m.exec((await read(`/proc/${pid}/limits`)) ?? '')?.[1],
  }
}

/** Where a node's folder lies. Of a node on another machine only the name can tell. */
export async function locateFolder(
  path: string,
  local: LocalProcess | undefined,
): Promise<'memory' | 'disk' | undefined> {
  const fileSystem = await local?.readFileSystem(path)
  if (fileSystem !== undefined) return MEMORY_FILE_SYSTEMS.includes(fileSystem) ? 'memory' : 'disk'
  return isWithin(path, MEMORY_FOLDER) ? 'memory' : undefined
}

function fileSystemOf(path: string, mounts: string): string | undefined {
  let best: string[] = []
  for (const mount of mounts.split('\n').map((line) => line.split(' '))) {
    // A later mount hides an earlier one at the same place.
    const [, place = ''] = mount
    if (place !== '' && isWithin(path, place) && place.length >= (best[1]?.length ?? 0)) best = mount
  }
  return best[2]
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

async function read(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}

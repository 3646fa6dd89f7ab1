import { readFile } from 'node:fs/promises'
import { url as inspectorUrl } from 'node:inspector'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { readRuntimeEnvironment } from '../config/env.ts'
import type { ProcessFacts } from '../disclosure/audit-check.ts'

/** Swap that is compressed memory, and no disk. */
const MEMORY_SWAP = /^\/dev\/zram/

/**
 * What there is to say of this process and its machine. Run in the same place and environment as a relay, it stands in
 * for that.
 * @param procFolder where the system tells of processes
 * @param cgroupFolder where it tells of the bounds that it sets them
 */
export async function readProcessFacts(
  { logLevel }: Pick<Config, 'logLevel'>,
  procFolder = '/proc',
  cgroupFolder = '/sys/fs/cgroup',
): Promise<ProcessFacts> {
  const { nodeOptions, debugVariables } = readRuntimeEnvironment()
  const { reportOnFatalError, reportOnSignal, reportOnUncaughtException } = process.report
  return {
    nodeOptions: [...process.execArgv, ...nodeOptions.split(/[\s"]+/)].map(withHyphens),
    debugVariables,
    isInspected: inspectorUrl() !== undefined,
    isReporting: reportOnFatalError || reportOnSignal || reportOnUncaughtException,
    coreLimit: await readCoreLimit(procFolder),
    swapAreas: await readSwapAreas(procFolder, cgroupFolder),
    logLevel,
  }
}

/** Node takes underscores in the names of its options as well. */
function withHyphens(option: string): string {
  const [name = '', ...value] = option.split('=')
  return [name.replaceAll('_', '-'), ...value].join('=')
}

async function readCoreLimit(procFolder: string): Promise<string | undefined> {
  const limits = await read(join(procFolder, 'self', 'limits'))
  return /^Max core file size\s+(\S+)/m.exec(limits ?? '')?.[1]
}

async function readSwapAreas(procFolder: string, cgroupFolder: string): Promise<string[] | undefined> {
  if (await isSwapForbidden(procFolder, cgroupFolder)) return []
  const [, ...lines] = (await read(join(procFolder, 'swaps')))?.split('\n') ?? []
  if (lines.length === 0) return undefined
  return lines.flatMap((line) => line.split(/\s+/, 1)).filter((area) => area !== '' && !MEMORY_SWAP.test(area))
}

/** Whether this process, or a group of processes that it is in, may swap nothing. */
async function isSwapForbidden(procFolder: string, cgroupFolder: string): Promise<boolean> {
  const [, group = '/'] = /^0::(\/.*)$/m.exec((await read(join(procFolder, 'self', 'cgroup'))) ?? '') ?? []
  for (let path = group; ; path = dirname(path)) {
    if ((await read(join(cgroupFolder, path, 'memory.swap.max')))?.trim() === '0') return true
    if (path === '/') return false
  }
}

async function read(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}

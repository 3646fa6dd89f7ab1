import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** One Lua script: its text, and the name that Redis knows it by once it has seen it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export const SCRIPTS = {
  deposit: readScript('deposit'),
  erase: readScript('erase'),
  survey: readScript('survey'),
  inspect: readScript('inspect'),
} as const

function readScript(name: string): Script {
  const lua = readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

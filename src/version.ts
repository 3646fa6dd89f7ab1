import { readFileSync } from 'node:fs'

/** Version and, where the build knew it, commit of this software. */
export interface Version {
  readonly version: string
  readonly commit: string | null
}

/** Reads what the build left beside the compiled files. */
export function readVersion(): Version {
  return JSON.parse(readFileSync(new URL('version.json', import.meta.url), 'utf8')) as Version
}

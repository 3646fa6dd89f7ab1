import { readFile } from 'node:fs/promises'
import type { Server } from 'node:https'
import { createSecureContext } from 'node:tls'

export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface TlsContext {
  readonly cert: string
  readonly key: string
}

const CHECK_PERIOD_MS = 5000

/** @throws Error of node:fs if a file cannot be read */
export async function readTls({ certFile, keyFile }: TlsFiles): Promise<TlsContext> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  return { cert, key }
}

/** Whether these are a certificate and the key that belongs to it. */
export function isUsable(context: TlsContext): boolean {
  try {
    createSecureContext(context)
    return true
  } catch {
    return false
  }
}

/**
 * Uses a renewed certificate for new connections as soon as the files hold one. Looks at the contents, since
 * orchestrators swap whole folders under a link.
 * @param onReload told whether the new files could be used, and what they hold
 * @returns what ends the watch
 */
export function watchTls(
  files: TlsFiles,
  current: TlsContext,
  server: Server,
  onReload: (isUsed: boolean, context: TlsContext) => void,
) {
  let last = current
  const check = async () => {
    const next = await readTls(files).catch(() => undefined)
    if (next === undefined || (next.cert === last.cert && next.key === last.key)) return
    last = next
    try {
      server.setSecureContext(next)
      onReload(true, next)
    } catch {
      onReload(false, next)
    }
  }
  const timer = setInterval(() => void check(), CHECK_PERIOD_MS).unref()
  return () => clearInterval(timer)
}

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

const CHECK_PERIOD_MS = 5000

/**
 * When a certificate ends, in Unix seconds; of a chain, its first one.
 * @throws Error where the text holds none in PEM
 */
function endOfCertificate(pem: string): number {
  return Math.floor(Date.parse(new X509Certificate(pem).validTo) / 1000)
}

/** The certificate that clients are shown: the relay's own, or that of a proxy in front. */
export interface ShownCertificate {
  /** When it ends, in Unix seconds; 0 where there is none. */
  end(): number
  /** The relay's own was renewed. */
  renewed(pem: string): void
  stop(): void
}

/** @param pem the relay's own certificate, undefined without TLS */
export function ownCertificate(pem: string | undefined): ShownCertificate {
  let end = pem === undefined ? 0 : endOfCertificate(pem)
  return {
    end: () => end,
    renewed: (next) => {
      end = endOfCertificate(next)
    },
    stop() {},
  }
}

/**
 * Reads a proxy's certificate now, and looks again and again whether it was renewed. While the file cannot be read or
 * holds none, what it held before counts.
 * @throws Error where it cannot be read now, or holds none in PEM
 */
export function proxyCertificate(file: string): ShownCertificate {
  let end = endOfCertificate(readFileSync(file, 'utf8'))
  const check = async () => {
    try {
      end = endOfCertificate(await readFile(file, 'utf8'))
    } catch {
      // being replaced just now
    }
  }
  const timer = setInterval(() => void check(), CHECK_PERIOD_MS).unref()
  return { end: () => end, renewed() {}, stop: () => clearInterval(timer) }
}

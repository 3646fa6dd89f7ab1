import type { Canary, Kind } from './canaries.ts'
import type { Scanner } from './scanner.ts'
import { rowOf, type Surface } from './surfaces.ts'

interface Piece {
  readonly surface: Surface
  readonly bytes: Buffer
  /** Where and when it was taken, for whoever looks for a leak. */
  readonly origin: string
  /** Whom an answer was given to. */
  readonly owner: string | undefined
}

/** What is on one surface of one kind. */
export interface Cell {
  hits: number
  /** Those that must not be there, each with its piece. */
  readonly leaks: string[]
}

/** What is on every surface. */
export class Findings {
  readonly #cells = new Map<string, Cell>()

  get(surface: Surface, kind: Kind): Cell {
    const name = `${surface} ${kind}`
    const cell = this.#cells.get(name) ?? { hits: 0, leaks: [] }
    this.#cells.set(name, cell)
    return cell
  }
}

/** Everything that was collected, by the surface it was found on. */
export class Evidence {
  readonly #pieces: Piece[] = []

  /** @param origin where and when it was taken */
  add(surface: Surface, bytes: Buffer | string, origin: string, owner?: string): void {
    this.#pieces.push({ surface, bytes: Buffer.from(bytes as string), origin, owner })
  }

  /** Bytes that were collected on a surface. */
  bytesOf(surface: Surface): number {
    return this.#pieces.filter((piece) => piece.surface === surface).reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** The canaries on a surface. */
  canariesOn(surface: Surface, scanner: Scanner): Set<Canary> {
    const pieces = this.#pieces.filter((piece) => piece.surface === surface)
    return new Set(pieces.flatMap(({ bytes }) => [...scanner.scan(bytes).keys()]))
  }

  /** Looks through everything. */
  search(scanner: Scanner): Findings {
    const findings = new Findings()
    for (const piece of this.#pieces) {
      for (const [canary, count] of scanner.scan(piece.bytes)) {
        const cell = findings.get(piece.surface, canary.kind)
        cell.hits += count
        if (!isAllowed(piece, canary)) {
          cell.leaks.push(`${canary.kind} ${canary.bytes.toString('hex', 0, 8)}…: ${piece.origin}`)
        }
      }
    }
    return findings
  }
}

function isAllowed({ surface, owner }: Piece, canary: Canary): boolean {
  const { may, isOwn } = rowOf(surface)
  return canary.kind in may && (!isOwn || (owner !== undefined && canary.owner === owner))
}

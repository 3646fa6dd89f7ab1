import { type Canary, KIND_NAMES, type Kind } from './canaries.ts'
import type { Scanner } from './scanner.ts'
import { rowOf, SURFACE_NAMES, type Surface } from './surfaces.ts'

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

export type Findings = ReadonlyMap<Surface, ReadonlyMap<Kind, Cell>>

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
    const cell = (): Cell => ({ hits: 0, leaks: [] })
    const row = () => new Map<Kind, Cell>(KIND_NAMES.map((kind) => [kind, cell()]))
    const findings = new Map(SURFACE_NAMES.map((surface) => [surface, row()]))
    for (const piece of this.#pieces) {
      for (const [canary, count] of scanner.scan(piece.bytes)) {
        const found = findings.get(piece.surface)?.get(canary.kind) as Cell
        found.hits += count
        if (!isAllowed(piece, canary))
          found.leaks.push(`${canary.kind} ${canary.bytes.toString('hex', 0, 8)}…: ${piece.origin}`)
      }
    }
    return findings
  }
}

function isAllowed({ surface, owner }: Piece, canary: Canary): boolean {
  const { may, isOwn } = rowOf(surface)
  return may.includes(canary.kind) && (!isOwn || (owner !== undefined && canary.owner === owner))
}

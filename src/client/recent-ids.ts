/** Remembers the last so many texts it was given. */
export class RecentIds {
  readonly #capacity: number
  readonly #ids = new Set<string>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(id: string): void {
    this.#ids.delete(id)
    this.#ids.add(id)
    if (this.#ids.size <= this.#capacity) return
    const [oldest] = this.#ids
    this.#ids.delete(oldest as string)
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }
}

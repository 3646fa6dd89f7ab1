/** What was started, and how it is ended: in the opposite order, whatever happened. */
export class Scope {
  readonly #ends: (() => unknown)[] = []

  defer(end: () => unknown): void {
    this.#ends.push(end)
  }

  async end(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      await Promise.resolve()
        .then(end)
        .catch((error) => process.stderr.write(`cannot be ended: ${error}\n`))
    }
  }
}

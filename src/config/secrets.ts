/** What is shown wherever a secret would be. */
export const MASK = '***'

/**
 * Holds a secret value, bytes or text, so that no log line, template, JSON or inspection prints it by accident. Only
 * `reveal` gives it out.
 */
export class Secret<T extends string | Uint8Array> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value itself. For bytes it is the array that is held, so the caller must not write to it. */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return MASK
  }
}

/** An error that silent calls of a path, and predicates within one, swallow. */
export class PathFailure extends Error {
  readonly error: Error

  constructor(error: Error) {
    super(error.message)
    this.error = error
  }
}

/** What commands may ask of a client only where somebody sits at a connection: refused, by the words of who extends it. */
export abstract class RefusingClient {
  protected abstract refuse(): never

  identify(): never {
    return this.refuse()
  }

  keepName(): never {
    return this.refuse()
  }

  closeAfterReplies(): never {
    return this.refuse()
  }

  openDatabase(): never {
    return this.refuse()
  }

  changeSession(): never {
    return this.refuse()
  }

  reset(): never {
    return this.refuse()
  }

  kill(): never {
    return this.refuse()
  }
}

/** A bare TCP connection, for bytes that no driver would send. */
import { createConnection, type Socket } from 'node:net'

const limitMs = 60_000

export class RawConnection {
  readonly socket: Socket
  /** Resolves when the server has closed it. */
  readonly closed: Promise<void>
  #received: Buffer = Buffer.alloc(0)
  #wake: () => void = () => {}

  private constructor(port: number) {
    this.socket = createConnection({ port, host: '127.0.0.1' })
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        resolve()
        this.#wake()
      })
    })
  }

  static async open(port: number): Promise<RawConnection> {
    const connection = new RawConnection(port)
    await new Promise((resolve, reject) => {
      connection.socket.once('connect', resolve)
      connection.socket.once('error', reject)
    })
    return connection
  }

  send(bytes: Uint8Array | string): void {
    this.socket.write(bytes)
  }

  /** All that the server has said. */
  get received(): Buffer {
    return this.#received
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && !this.socket.readableEnded
  }

  /** Waits until what was received satisfies `condition`; throws where the connection ends before. */
  async until(condition: (received: Buffer) => boolean): Promise<Buffer> {
    while (!condition(this.#received)) {
      if (!this.isOpen) throw new Error(`closed after ${JSON.stringify(this.#received.toString('latin1'))}`)
      await within(new Promise<void>((resolve) => (this.#wake = resolve)), 'a reply')
    }
    return this.#received
  }

  /** Says no more, and waits until the server has closed. */
  async end(): Promise<Buffer> {
    this.socket.end()
    await within(this.closed, 'the end of the connection')
    return this.#received
  }

  /** Waits until the server closes by itself. */
  async untilClosed(): Promise<Buffer> {
    await within(this.closed, 'the server to close the connection')
    return this.#received
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** Fails where `event` does not come in good time: a test that hangs says less. */
async function within<T>(event: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), limitMs)
  })
  try {
    return await Promise.race([event, late])
  } finally {
    clearTimeout(timer)
  }
}

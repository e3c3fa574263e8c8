/**
 * Proof of being a role: by SCRAM, or by a password as it is.
 *
 * What is answered to a wrong name and to a wrong password is the same, comes after the same work, and comes later the more
 * often it was wrong (`throttle.ts`). A proof counts against the secret that it was begun with.
 */
import { PolylogError } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import type { Actor, Audit } from './audit.ts'
import { isRightAtRedis, letsIn } from './redis-rules.ts'
import { type Role, secretOfRole } from './roles.ts'
import { parseClientFirst, ScramError, ScramExchange } from './scram.ts'
import { chanceFrom, defaultIterations, hmac, isPassword, saltBytes, type Secret, sha256 } from './secret.ts'
import { Throttle } from './throttle.ts'

/** As its sessions and logins are named. */
const redisDoor = 'redis'

/** Where somebody comes in. */
export type Place = Pick<Actor, 'door' | 'remote'>

/** Who has failed to prove who it is. Doors have words of their own for it. */
export class LoginError extends PolylogError {
  constructor(message: string) {
    super('denied', message)
  }
}

/** Its password was right. */
export class NoLoginError extends LoginError {}

export interface ProofsParts {
  readonly host: Host
  readonly audit: Audit
  readonly find: (name: string) => Role | undefined
  /** Of what is made up for names that nobody has, where that is kept. */
  readonly chanceOfNames: () => Uint8Array | undefined
}

export class Proofs {
  readonly #parts: ProofsParts
  readonly #throttle: Throttle
  /** Passwords that were right, under a key of this process: who comes again and again is not made to wait for PBKDF2. */
  readonly #known = new Map<string, Buffer>()
  #key: Uint8Array | undefined
  /** Passwords are put through PBKDF2 one after another. */
  #computing: Promise<void> = Promise.resolve()

  constructor(parts: ProofsParts) {
    this.#parts = parts
    this.#throttle = new Throttle(parts.host)
  }

  /** Made when it is first needed. */
  get #processKey(): Uint8Array {
    return (this.#key ??= chanceFrom(this.#parts.host, 32))
  }

  /** After roles have changed. */
  forget(): void {
    this.#known.clear()
  }

  /** Begins an exchange. `name`: where the door has it from elsewhere; else that of the message. Errors: `ScramError`. */
  beginScram(clientFirst: string, from: Place, name?: string): Login {
    const first = parseClientFirst(clientFirst)
    const asked = name ?? first.name
    const exchange = new ScramExchange(this.#secretFor(asked), first, chanceFrom(this.#parts.host, 18))
    const proof = this.#proofOf(asked, from)
    return new Login(exchange, asked, (check) => this.#settle(asked, from, proof, check))
  }

  /** Of a name that nobody has, one whose password nobody knows, always with the same salt. */
  #secretFor(name: string): Secret {
    const role = this.#parts.find(name)
    const secret = role && secretOfRole(role)
    if (secret !== undefined) return secret
    const key = this.#parts.chanceOfNames() ?? this.#processKey
    const salt = hmac(key, `salt ${name}`).subarray(0, saltBytes)
    const none = chanceFrom(this.#parts.host, 32)
    return { iterations: defaultIterations, salt, storedKey: none, serverKey: none }
  }

  /** The role. Errors: `LoginError`. */
  checkPassword(name: string, password: string, from: Place): Promise<Role> {
    return this.#settle(name, from, this.#proofOf(name, from), () => this.#isRight(name, password, from))
  }

  #isRight(name: string, password: string, { door }: Place): boolean | Promise<boolean> {
    const isRight = isRightAtRedis(this.#parts.find(name)?.redis ?? null, password)
    return (door === redisDoor && isRight) || this.#isPassword(name, password)
  }

  /** Of the role's own one, whatever else lets it in. */
  isOwnPassword(name: string, password: string): Promise<boolean> {
    return this.#isPassword(name, password)
  }

  async #isPassword(name: string, password: string): Promise<boolean> {
    const secret = this.#secretFor(name)
    const seal = hmac(this.#processKey, Buffer.concat([sha256(secret.storedKey), sha256(Buffer.from(password))]))
    const isKnown = this.#known.get(name)?.equals(seal) === true
    if (isKnown) return true
    // Milliseconds each: one a turn, however many ask.
    await this.#inTurn()
    const isRight = await isPassword(secret, password)
    if (isRight) this.#remember(name, seal)
    return isRight
  }

  #inTurn(): Promise<void> {
    const { host } = this.#parts
    this.#computing = this.#computing.then(() => new Promise((resolve) => host.turn(resolve)))
    return this.#computing
  }

  /** By what the name is proved now, undefined where by nothing; a proof by something older counts no more. */
  #proofOf(name: string, { door }: Place): string | undefined {
    const role = this.#parts.find(name)
    if (role === undefined) return undefined
    const { secret, redis } = role
    if (door !== redisDoor || !letsIn(redis)) return secret ?? undefined
    return `${secret ?? ''} ${redis!.isOpen === true} ${redis!.hashes?.join(' ') ?? ''}`
  }

  #remember(name: string, seal: Buffer): void {
    if (this.#known.size >= 1000) this.#known.clear()
    this.#known.set(name, seal)
  }

  /**
   * Looks at a proof once those before it are told, after what these have cost it, and tells what may be told of it. `proof`:
   * what the name was proved by when that was begun.
   */
  async #settle(
    name: string,
    from: Place,
    proof: string | undefined,
    check: () => boolean | Promise<boolean>,
  ): Promise<Role> {
    const { host } = this.#parts
    const machine = from.remote.replace(/:\d+$/, '')
    const leave = await this.#throttle.enter(name, machine)
    try {
      const isRight = await check()
      await this.#after(this.#throttle.delayMs(name, machine))
      const role = isRight ? this.#parts.find(name) : undefined
      const isOver = role?.validUntilMs != null && host.now() >= role.validUntilMs
      if (role === undefined || isOver || proof === undefined || proof !== this.#proofOf(name, from)) {
        this.#throttle.failed(name, machine)
        this.#parts.audit.record({ event: 'login failed', by: { user: shown(name), ...from } })
        throw new LoginError(`password authentication failed for user "${shown(name)}"`)
      }
      this.#throttle.succeeded(name)
      const by = { user: role.name, ...from }
      this.#parts.audit.record(
        role.login ? { event: 'login', by } : { event: 'login failed', by, detail: 'it may not log in' },
      )
      if (!role.login) throw new NoLoginError(`role "${shown(name)}" is not permitted to log in`)
      return role
    } finally {
      leave()
    }
  }

  #after(delayMs: number): Promise<void> | undefined {
    if (delayMs === 0) return undefined
    return new Promise((resolve) => void this.#parts.host.at(delayMs, resolve))
  }
}

function shown(name: string): string {
  return name.slice(0, 63)
}

/** One exchange with a client. */
export class Login {
  readonly name: string
  readonly #exchange: ScramExchange
  readonly #settle: (check: () => boolean) => Promise<Role>

  constructor(exchange: ScramExchange, name: string, settle: (check: () => boolean) => Promise<Role>) {
    this.#exchange = exchange
    this.name = name
    this.#settle = settle
  }

  get serverFirst(): string {
    return this.#exchange.serverFirst
  }

  /** Errors: `LoginError`, `ScramError`. */
  async finish(clientFinal: string): Promise<{ readonly role: Role; readonly serverFinal: string }> {
    let serverFinal: string | undefined
    let fault: ScramError | undefined
    const check = (): boolean => {
      try {
        serverFinal = this.#exchange.finish(clientFinal)
      } catch (error) {
        if (!(error instanceof ScramError)) throw error
        fault = error
      }
      return serverFinal !== undefined
    }
    try {
      const role = await this.#settle(check)
      return { role, serverFinal: serverFinal! }
    } catch (error) {
      // What is no proof is a failure like a wrong one, or it would be a free try.
      throw fault ?? error
    }
  }
}

/**
 * A foreign suite: data files written by others that say what a server answers. A suite reads its folder and yields what
 * became of each case, in the folder's order; what that counts for is decided by `score.ts`, alike for all suites.
 */
export interface Suite {
  /** The folder's name below `../shared/suites`, where `folder` says no other one. */
  readonly name: string
  readonly folder?: string
  /** With which our own server is started. */
  readonly serverArguments?: readonly string[]
  run(folder: string, server: ServerUnderTest): AsyncIterable<CaseResult>
}

export interface ServerUnderTest {
  readonly host: string
  readonly port: number
  /** Whether it is ours. Of a foreign one, a suite leaves out what is newer than the version it says it is. */
  readonly isOurs: boolean
  /** As whom to come in, where the protocol asks. */
  readonly user?: string
  /** Another one of ours beside it, started with these arguments, for as long as the suite runs; not there of a foreign one. */
  readonly startAnother?: (serverArguments: readonly string[]) => Promise<ServerUnderTest>
}

export type CaseResult =
  | { readonly name: string; readonly outcome: 'passed' }
  | { readonly name: string; readonly outcome: 'failed'; readonly message: string }
  /** The case cannot apply: it wants a cluster, say. What the server lacks is a failure, not a skip. */
  | { readonly name: string; readonly outcome: 'skipped'; readonly reason: string }

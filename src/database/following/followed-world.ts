/** For tests of followers: two simulated processes of one machine, of which one leads a directory and does random work. */
import type { PolylogError } from '../../base/errors.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { databaseOf, History, name, openOn, optionsOn } from '../directory/crash-history.ts'
import type { Database } from '../database.ts'
import type { Instance } from '../instance.ts'
import { FollowingInstance, type FollowOptions } from './following-instance.ts'

export class FollowedWorld {
  readonly world: SimulatedWorld
  /** The processes, and what is open in the leading one: tests kill them and put others in their place. */
  leader: SimulatedProcess
  follower: SimulatedProcess
  instance: Instance
  history: History = new History(3)

  private constructor(world: SimulatedWorld, leader: SimulatedProcess, instance: Instance) {
    this.world = world
    this.leader = leader
    this.instance = instance
    this.follower = world.startProcess('follower', { machine: 'machine' })
  }

  static async start(): Promise<FollowedWorld> {
    const world = new SimulatedWorld(9)
    const leader = world.startProcess('leader', { machine: 'machine' })
    return new FollowedWorld(world, leader, await world.complete(openOn(leader)))
  }

  /** Of the leader. */
  get database(): Database {
    return databaseOf(this.instance)
  }

  follow(
    options: Pick<FollowOptions, 'pollMs' | 'follower'>,
    on: SimulatedProcess = this.follower,
  ): Promise<FollowingInstance> {
    return this.world.complete(FollowingInstance.open({ ...optionsOn(on), ...options }, name))
  }

  /** `pausing`: now and then some milliseconds pass. */
  async work(steps: number, options: { readonly database?: Database; readonly pausing?: boolean } = {}): Promise<void> {
    const { world, history } = this
    const { database = this.database, pausing = false } = options
    for (let i = 0; i < steps; i++) {
      history.step(database)
      await world.complete(history.settled())
      if (pausing && history.random.chance(0.5)) await this.pass(history.random.below(8))
    }
    await world.complete(database.pipeline.settled())
  }

  pass(ms: number): Promise<unknown> {
    return this.world.run({ untilMs: this.world.timeUs / 1000 + ms })
  }

  async caughtUp(following: FollowingInstance): Promise<Database> {
    await this.world.complete(following.waitFor(name, this.database.newestSequence))
    return following.databases.get(name)!
  }

  /** Of the error, or `done`. */
  codeOf(work: Promise<unknown>): Promise<string> {
    return this.world.complete(
      work.then(
        () => 'done',
        (error: unknown) => (error as PolylogError).code,
      ),
    )
  }
}

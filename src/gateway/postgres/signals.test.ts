/** pg_cancel_backend and pg_terminate_backend: what runs is canceled, and a connection ended. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { query, type TestClient, TestDoor } from './testing.ts'

let door: TestDoor

beforeEach(async () => {
  door = await TestDoor.open()
})

afterEach(() => door.close())

const connect = (): Promise<TestClient> => door.connect()

async function ask(client: TestClient, text: string): Promise<string[]> {
  client.send(query(text))
  const lines: string[] = []
  while (!lines.some((line) => line.startsWith('Z') || line.startsWith('E FATAL'))) {
    lines.push(...(await client.awaitAnswers()))
  }
  return lines.filter((line) => /^[DEN]/.test(line))
}

async function backend(client: TestClient): Promise<string> {
  const [row] = await ask(client, 'select pg_backend_pid()')
  return row!.slice(2)
}

const canceled = 'E ERROR 57014 canceling statement due to user request'
const terminated = 'E FATAL 57P01 terminating connection due to administrator command'

describe('a session that signals another one', () => {
  it('cancels what that runs, and leaves its connection', async () => {
    const [target, asker] = [await connect(), await connect()]
    const id = await backend(target)
    expect(await ask(asker, `select pg_cancel_backend(${id})`)).toEqual(['D t'])
    expect(await ask(target, 'select 1')).toEqual(['D 1'])
    target.send(query('select pg_sleep(1e9)'))
    expect(await target.answers()).toEqual([])
    expect(await ask(asker, `select pg_cancel_backend(${id})`)).toEqual(['D t'])
    expect(await target.answers()).toEqual([canceled, 'Z I'])
  })

  it('ends a connection that rests, in a block too, and what it has begun', async () => {
    const [target, asker] = [await connect(), await connect()]
    const id = await backend(target)
    await ask(target, 'create table t (a int)')
    await ask(target, 'begin; insert into t values (1)')
    expect(await ask(asker, `select pg_terminate_backend(${id})`)).toEqual(['D t'])
    expect(await target.awaitAnswers()).toEqual([terminated])
    expect(await ask(asker, 'select count(*) from t')).toEqual(['D 0'])
    expect(await ask(asker, `select pg_terminate_backend(${id})`)).toEqual([
      'D f',
      `N WARNING 01000 PID ${id} is not a PostgreSQL backend process`,
    ])
  })

  it('ends a connection that runs something or waits for a lock, by that one first', async () => {
    const [target, asker] = [await connect(), await connect()]
    const id = await backend(target)
    await ask(asker, 'create table t (a int); insert into t values (1)')
    await ask(asker, 'begin; update t set a = 2')
    target.send(query('update t set a = 3; select 1'))
    expect(await target.answers()).toEqual([])
    expect(await ask(asker, `select pg_terminate_backend(${id})`)).toEqual(['D t'])
    expect(await target.awaitAnswers()).toEqual([terminated])
    await ask(asker, 'commit')
    expect(await ask(asker, 'select a from t')).toEqual(['D 2'])
  })

  it('ends one that has begun a COPY', async () => {
    const [target, asker] = [await connect(), await connect()]
    const id = await backend(target)
    await ask(target, 'create table t (a int)')
    target.send(query('copy t from stdin'))
    await target.answers()
    expect(await ask(asker, `select pg_terminate_backend(${id})`)).toEqual(['D t'])
    expect((await target.awaitAnswers()).at(-1)).toBe(terminated)
  })

  it('may do so to itself', async () => {
    const client = await connect()
    expect(await ask(client, 'select pg_cancel_backend(pg_backend_pid())')).toEqual([canceled])
    expect(await ask(client, 'select pg_terminate_backend(pg_backend_pid())')).toEqual([terminated])
  })
})

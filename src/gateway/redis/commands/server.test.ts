/** What looks after the server, as far as golden replies do not show it. */
import { describe, expect, it } from 'vitest'
import { openTestServer, openTestServerWithUsers, TestClient } from '../testing.ts'

describe('on a disk', () => {
  it('a checkpoint is written at once, or beside', async () => {
    const server = await openTestServerWithUsers()
    const ada = await server.login('ada')
    await ada.send('SET', 'a', '1')
    const database = server.instance.databases.get('polylog')!
    expect(await ada.send('SAVE')).toBe('+OK')
    expect(database.checkpoints.written).toBe(1)
    await ada.send('SET', 'a', '2')
    expect(await ada.send('BGSAVE', 'SCHEDULE')).toBe('+Background saving started')
    await database.checkpoint()
    expect(database.checkpoints.written).toBeGreaterThan(1)
    expect(Number((await ada.send('LASTSAVE')).slice(1))).toBe(Math.floor(database.checkpoints.lastMs! / 1000))
    expect(await ada.send('WAITAOF', '1', '0', '0')).toBe('[:1 :0]')
    await ada.send('POLYLOG.DURABILITY', 'memory')
    expect(await ada.send('WAITAOF', '1', '0', '0')).toContain('WAITAOF cannot be used')
    expect(await ada.send('WAITAOF', '0', '1', '0')).toBe('[:0 :0]')
    await server.close()
  })

  it('INFO counts what was committed since the last checkpoint', async () => {
    const server = await openTestServerWithUsers()
    const ada = await server.login('ada')
    const changes = async (): Promise<number> =>
      Number(/rdb_changes_since_last_save:(\d+)/.exec(await ada.send('INFO', 'persistence'))![1])
    await ada.send('SETBIT', 'a', '0', '0')
    const before = await changes()
    for (const line of ['SETBIT a 0 0', 'SETBIT a 0 1', 'SETBIT a 0 1', 'BITFIELD b SET i5 0 0'])
      await ada.sendLine(line)
    expect(await changes()).toBe(before + 2)
    expect(await ada.send('SAVE')).toBe('+OK')
    expect(await changes()).toBe(0)
    await server.close()
  })

  it('only who may do everything ends the server', async () => {
    const server = await openTestServerWithUsers()
    await server.sessions.principals.create('bob', { login: true, password: 'secret' })
    const bob = await server.login('bob')
    expect(await bob.send('SHUTDOWN')).toContain('NOPERM')
    expect(await bob.send('SWAPDB', '0', '1')).toContain('NOPERM')
    const ada = await server.login('ada')
    expect(await ada.send('SHUTDOWN', 'NOSAVE')).toContain('part of a process')
    await server.close()
  })
})

describe('in memory', () => {
  it('nothing is saved, and it is said so', async () => {
    const server = await openTestServer()
    const client = server.connect()
    for (const command of ['SAVE', 'BGSAVE', 'BGREWRITEAOF']) {
      expect(await client.send(command)).toContain('without a data directory')
    }
    expect(await client.send('WAITAOF', '1', '0', '0')).toContain('WAITAOF cannot be used')
    expect(await client.sendLine('REPLCONF nonsense 1')).toBe('-ERR Unrecognized REPLCONF option: nonsense')
    expect(await client.sendLine('REPLCONF listening-port 1')).toBe('+OK')
    await server.close()
  })

  it('who asks for replicas has no writes, and no block with one', async () => {
    const server = await openTestServer()
    const [client, other] = [server.connect(), server.connect()]
    await client.sendLine('MULTI')
    await client.sendLine('SET a 1')
    await other.sendLine('CONFIG SET min-replicas-to-write 1')
    expect(await client.sendLine('EXEC')).toBe(
      '-EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write.',
    )
    await client.sendLine('MULTI')
    await client.sendLine('GET a')
    expect(await client.sendLine('EXEC')).toBe('[(null)]')
    await server.close()
  })

  it('the end is asked for by SHUTDOWN, once its client is gone', async () => {
    let asked = 0
    const server = await openTestServer({}, { shutDown: () => asked++ })
    const client = server.connect()
    expect(await client.send('SHUTDOWN')).toBe('(closed)')
    expect(asked).toBe(1)
    await server.close()
  })
})

describe('DEBUG', () => {
  it('is there where the server was started with it', async () => {
    const server = await openTestServer({}, { debugCommand: 'yes' })
    const client = server.connect()
    expect(await client.send('DEBUG', 'SLEEP', '0')).toBe('+OK')
    expect(await client.send('DEBUG', 'SLEEP', '-1')).toContain('out of range')
    expect(await client.send('DEBUG', 'ERROR', 'MY words')).toBe('-MY words')
    expect(await client.send('DEBUG', 'PROTOCOL', 'map')).toBe('[:0 :0 :1 :1 :2 :0]')
    expect(await client.send('DEBUG', 'SEGFAULT')).toBe('-ERR DEBUG SEGFAULT is not supported')
    expect(await client.send('CONFIG', 'GET', 'enable-debug-command')).toBe('["enable-debug-command" "yes"]')
    const waiting = client.send('DEBUG', 'SLEEP', '0.02')
    expect(await server.connect().send('PING')).toBe('+PONG')
    expect(await waiting).toBe('+OK')
    await server.close()
  })

  it('of who calls from this machine is there for such', async () => {
    const server = await openTestServer({}, { debugCommand: 'local' })
    expect(await server.connect().send('DEBUG', 'SLEEP', '0')).toBe('+OK')
    const away = new TestClient(server.gateway, server.database.host, '10.0.0.1:1')
    expect(await away.send('DEBUG', 'SLEEP', '0')).toContain('DEBUG command not allowed')
    await server.close()
  })
})

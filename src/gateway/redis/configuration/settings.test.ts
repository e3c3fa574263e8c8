import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestServer, type TestClient, type TestServer } from '../testing.ts'
import { type Parameter, parameterGroups } from './parameters.ts'

const all = Object.values(parameterGroups).flatMap((group) => Object.entries<Parameter>(group))

let server: TestServer
let client: TestClient
beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})
afterEach(() => server.close())

async function valueOf(name: string): Promise<string> {
  return (await client.send('CONFIG', 'GET', name)).slice(`["${name}" "`.length, -2)
}

describe('a parameter', () => {
  it('is as its kind shows it', () => {
    for (const [name, { kind, initial }] of all) expect([name, kind(initial, initial)]).toEqual([name, initial])
  })

  it('may be set to what it is, unless Redis refuses', async () => {
    for (const [name, { access }] of all) {
      if (name === 'appendfsync') continue
      const reply = await client.send('CONFIG', 'SET', name, await valueOf(name))
      expect([name, reply.startsWith('+OK')]).toEqual([name, access === undefined])
    }
  })

  it('that means something is not changed where nothing would come of it', async () => {
    expect(await client.send('CONFIG', 'SET', 'hz', '20', 'proto-max-bulk-len', '1mb')).toContain("can't set immutable")
    expect(await client.send('CONFIG', 'SET', 'appendonly', 'yes')).toContain('without a data directory')
    expect(await client.send('CONFIG', 'SET', 'requirepass', 'secret')).toContain('ACL SETUSER')
    expect(await valueOf('hz')).toBe('10')
  })

  it('holds for all, until the server stops', async () => {
    expect(await client.send('CONFIG', 'SET', 'maxclients', '77', 'timeout', '9')).toBe('+OK')
    expect(server.sessions.connections.most).toBe(77)
    client = server.connect()
    expect([await valueOf('maxclients'), await valueOf('timeout')]).toEqual(['77', '9'])
  })
})

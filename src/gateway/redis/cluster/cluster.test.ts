/** Clients for clusters, unmodified, on the cluster of one node; and what golden replies do not show. */
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Listener } from '../../../host/host.ts'
import { openTestServer, type TestClient, type TestServer } from '../testing.ts'
import { crc16, slotOf } from './slots.ts'

const sliced = (text: string): { bytes: Uint8Array; start: number; end: number } => {
  const bytes = Buffer.from(`xx${text}}`)
  return { bytes, start: 2, end: bytes.length - 1 }
}

describe('a slot', () => {
  it('is the sum that Redis has, within the key alone', () => {
    expect(crc16(sliced('123456789'))).toBe(0x31c3)
    expect(slotOf(sliced('foo'))).toBe(12182)
    // What closes a tag stands behind the key here.
    expect(slotOf(sliced('{foo'))).toBe(crc16(sliced('{foo')) % 16384)
  })
})

describe('a cluster of one node', () => {
  let server: TestServer
  let listener: Listener
  let client: TestClient

  beforeAll(async () => {
    server = await openTestServer({}, { clusterEnabled: true })
    listener = await server.database.host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) =>
      server.gateway.accept(socket, new Uint8Array(0)),
    )
    client = server.connect()
  })
  afterAll(async () => {
    await listener.close()
    await server.close()
  })

  it('is what ioredis works with', async () => {
    const { port } = listener.address
    const cluster = new Cluster([{ host: '127.0.0.1', port }], { clusterRetryStrategy: () => null })
    expect(await cluster.set('a', '1')).toBe('OK')
    expect(await cluster.get('a')).toBe('1')
    expect(await cluster.mset('{t}a', 1, '{t}b', 2)).toBe('OK')
    await expect(cluster.mget('a', 'b')).rejects.toThrow('CROSSSLOT')
    expect(await cluster.multi().incr('{t}a').incr('{t}b').exec()).toEqual([
      [null, 2],
      [null, 3],
    ])
    expect(cluster.nodes('master').map(({ options }) => options.port)).toEqual([port])
    cluster.disconnect()
  })

  it('is what node-redis works with', async () => {
    const { port } = listener.address
    const cluster = createCluster({ rootNodes: [{ socket: { host: '127.0.0.1', port } }] })
    await cluster.connect()
    expect(await cluster.set('b', '2')).toBe('OK')
    expect(await cluster.get('b')).toBe('2')
    expect(await cluster.hSet('{t}h', { a: '1' })).toBe(1)
    expect(cluster.masters).toHaveLength(1)
    await cluster.close()
  })

  it('tells of itself as it was told to', async () => {
    expect(await client.send('CLUSTER', 'SLOTS')).toMatch(/^\[\[:0 :16383 \["" :0 "[0-9a-f]{40}" \[\]\]\]\]$/)
    await client.sendLine(
      'CONFIG SET cluster-announce-ip 10.0.0.1 cluster-announce-port 7 cluster-announce-hostname a.b',
    )
    expect(await client.send('CLUSTER', 'SLOTS')).toMatch(/\["10.0.0.1" :7 "\w{40}" \["hostname" "a.b"\]\]/)
    await client.sendLine('CONFIG SET cluster-preferred-endpoint-type hostname')
    expect(await client.send('CLUSTER', 'SLOTS')).toMatch(/\["a.b" :7 "\w{40}" \["ip" "10.0.0.1"\]\]/)
    expect(await client.send('CLUSTER', 'SHARDS')).toMatch(/"ip" "10.0.0.1" "endpoint" "a.b" "hostname" "a.b"/)
    expect(await client.send('CLUSTER', 'NODES')).toMatch(
      / 10.0.0.1:7@10007,a.b myself,master - 0 0 0 connected 0-16383\\n"$/,
    )
    await client.sendLine('CONFIG SET cluster-preferred-endpoint-type unknown-endpoint')
    expect(await client.send('CLUSTER', 'SLOTS')).toMatch(
      /\[\(null\) :7 "\w{40}" \["ip" "10.0.0.1" "hostname" "a.b"\]\]/,
    )
    expect(await client.send('CLUSTER', 'MEET', 'a', '1')).toContain('there is one node')
    expect(await client.send('CONFIG', 'GET', 'cluster-enabled')).toBe('["cluster-enabled" "yes"]')
    expect(await client.send('INFO', 'server')).toContain('redis_mode:cluster')
  })

  it('lists keys of a slot, at most as many as were asked for', async () => {
    await client.send('FLUSHALL')
    for (let i = 0; i < 5; i++) await client.send('SET', `{x}${i}`, 'v')
    expect(await client.send('CLUSTER', 'GETKEYSINSLOT', '16287', '2')).toBe('["{x}0" "{x}1"]')
    expect(await client.send('CLUSTER', 'COUNTKEYSINSLOT', '16287')).toBe(':5')
  })
})

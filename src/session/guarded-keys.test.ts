/** Below all doors: a statement that nobody has asked anything for. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import { given } from '../database/access/access-list.ts'
import { privilege } from '../database/access/privileges.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import { Instance } from '../database/instance.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import type { Session } from './contract.ts'
import { Sessions } from './sessions.ts'

const host = { ...createRealHost(), log: (): void => undefined, disk: createMemoryDisk() }
let instance: Instance
let sessions: Sessions
let admin: Session
let ada: Session
let closed: Collection
let open: Collection

const keyIn = ({ id }: Collection): KeyWriter => new KeyWriter(16).begin(id, 1).int64(7)
const value = sliceOf(Buffer.from('marker'))

beforeAll(async () => {
  instance = await Instance.open({ host, directory: 'data' }, 'polylog')
  sessions = new Sessions(host, () => instance.databases, { catalog: instance })
  await sessions.principals.create('admin', { login: true, superuser: true, password: 'x' })
  await sessions.principals.create('ada', { login: true })
  admin = sessions.openSession({ user: 'admin', door: 'test' })
  ada = sessions.openSession({ user: 'ada', door: 'test' })
  await admin.run((tx) => {
    const namespace = tx.createNamespace('shop')
    closed = tx.createCollection(namespace, 'closed', 'document', {})
    open = tx.createCollection(namespace, 'open', 'document', {})
    for (const one of [closed, open]) tx.put(keyIn(one), value)
    const reading = { to: sessions.principals.find('ada')!.id, by: -1, privileges: privilege.read, option: false }
    tx.access.change(open.id, '', () => given([], reading))
  })
})

afterAll(async () => {
  sessions.close()
  await instance.close()
})

const refused = { code: 'denied' }

test.each<[string, (collection: Collection) => unknown]>([
  ['get', (one) => ada.run((tx) => void tx.get(keyIn(one)))],
  ['peek', (one) => ada.run((tx) => void tx.peek(keyIn(one)))],
  ['the newest state', (one) => ada.run((tx) => void tx.newest.get(keyIn(one)))],
  ['scan', (one) => ada.run((tx) => void tx.scan({ start: keyIn(one), end: keyIn(one) }))],
])('who has nothing there reads nothing: %s', async (_name, read) => {
  await expect((async () => read(closed))()).rejects.toMatchObject(refused)
  await expect((async () => read(open))()).resolves.toBeUndefined()
})

test.each<[string, (collection: Collection) => unknown]>([
  ['put', (one) => ada.run((tx) => tx.put(keyIn(one), value))],
  ['putNew', (one) => ada.run((tx) => tx.putNew(keyIn(one), value))],
  ['delete', (one) => ada.run((tx) => tx.delete(keyIn(one)))],
  ['deleteRange', (one) => ada.run((tx) => tx.deleteRange({ start: keyIn(one), end: keyIn(one) }))],
])('who may only read changes nothing: %s', async (_name, write) => {
  for (const one of [closed, open]) await expect((async () => write(one))()).rejects.toMatchObject(refused)
})

test.each<[string, (collection: Collection) => unknown]>([
  ['a drop', (one) => ada.run((tx) => tx.dropCollection(one))],
  ['another name', (one) => ada.run((tx) => void tx.alterCollection(one, { name: 'mine' }))],
  ['an index', (one) => ada.run((tx) => void tx.createIndex(one, { name: 'i', unique: false, definition: {} }))],
  ['all rows', (one) => ada.run((tx) => tx.clearCollection(one))],
  ['a comment', (one) => ada.run((tx) => tx.setComment({ id: one.id }, 'x'))],
  ['a new one beside it', (one) => ada.run((tx) => void tx.createCollection(one.namespace, 'n', 'document', {}))],
  ['a namespace', () => ada.run((tx) => void tx.createNamespace('mine'))],
  ['the end of a namespace', (one) => ada.run((tx) => tx.dropNamespace(one.namespace))],
])('who may only read changes no definition: %s', async (_name, change) => {
  for (const one of [closed, open]) await expect((async () => change(one))()).rejects.toMatchObject(refused)
})

test("what a rule looks at is the owner's to look at, until the transaction ends", async () => {
  await ada.run((tx) => {
    tx.access.actForOwner(closed.id)
    expect(tx.get(keyIn(closed))).toBeDefined()
  })
  await expect((async () => ada.run((tx) => void tx.get(keyIn(closed))))()).rejects.toMatchObject(refused)
})

test('who may change definitions does not come to rows by moving them, nor by owning them', async () => {
  await sessions.principals.create('eva', { login: true })
  const to = sessions.principals.find('eva')!.id
  const [hers] = await admin.run((tx) => {
    const made = tx.createNamespace('hers')
    const { schema, create, read } = privilege
    tx.access.change(closed.namespace.id, '', () => given([], { to, by: -1, privileges: schema, option: false }))
    tx.access.change(made.id, '', () => given([], { to, by: -1, privileges: create | read, option: false }))
    return [made]
  })
  const eva = sessions.openSession({ user: 'eva', door: 'test' })
  const changed = await eva.run((tx) => tx.alterCollection(closed, { name: 'renamed' }))
  for (const change of [{ namespace: hers }, { owner: 'eva', ownerId: to }]) {
    await expect((async () => eva.run((tx) => void tx.alterCollection(changed, change)))()).rejects.toMatchObject(
      refused,
    )
  }
})

test('what was found for one counts for no other in the next transaction', async () => {
  await admin.run((tx) => void tx.get(keyIn(closed)))
  await ada.run((tx) => void tx.get(keyIn(open)))
  await sessions.principals.create('ben', { login: true })
  const ben = sessions.openSession({ user: 'ben', door: 'test' })
  await expect((async () => ben.run((tx) => void tx.get(keyIn(open))))()).rejects.toMatchObject(refused)
})

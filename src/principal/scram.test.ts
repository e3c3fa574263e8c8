import { pbkdf2Sync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseClientFirst, ScramError, ScramExchange } from './scram.ts'
import { ScramClient } from './scram-client.ts'
import { hmac, isPassword, parseSecret, secretOf, secretText, sha256 } from './secret.ts'

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')

/** RFC 7677, section 3. */
const example = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  chance: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}

describe('SCRAM-SHA-256', () => {
  test('keeps of a password what the example of RFC 7677 is proved by', async () => {
    const { storedKey, serverKey } = await secretOf('pencil', salt, 4096)
    const unproved = example.clientFinal.replace(/,p=.*/, '')
    const message = `${example.clientFirst.slice(3)},${example.serverFirst},${unproved}`
    const proof = Buffer.from(example.clientFinal.replace(/.*,p=/, ''), 'base64')
    const signature = hmac(storedKey, message)
    expect(sha256(proof.map((byte, i) => byte ^ signature[i]!))).toEqual(storedKey)
    expect(`v=${hmac(serverKey, message).toString('base64')}`).toBe(example.serverFinal)
  })

  async function exchange(password: string, given: string, change = (text: string): string => text) {
    const secret = await secretOf(password, salt)
    const client = new ScramClient(given, Buffer.alloc(18, 1))
    const server = new ScramExchange(secret, parseClientFirst(client.first), Buffer.alloc(18, 2))
    const final = server.finish(change(await client.prove(server.serverFirst)))
    if (final !== undefined) client.check(final)
    return final
  }

  test('takes the right password and no other', async () => {
    expect(await exchange('geheim', 'geheim')).toMatch(/^v=/)
    expect(await exchange('geheim', 'Geheim')).toBeUndefined()
    expect(await exchange('geheim', '')).toBeUndefined()
    // Half a sign from another table is the same letter after SASLprep (RFC 4013).
    expect(await exchange('\u2168', 'IX')).toMatch(/^v=/)
  })

  test('takes no proof of another exchange, binding or form', async () => {
    const changes: ((text: string) => string)[] = [
      (text) => text.replace(/r=..../, 'r=AAAA'),
      (text) => text.replace('c=biws', 'c=eSws'),
      (text) => text.replace(/,p=.*/, ''),
      (text) => text.replace(/,p=.*/, ',p=AAAA'),
      () => '',
      () => 'x'.repeat(5000),
    ]
    for (const change of changes) await expect(exchange('a', 'a', change)).rejects.toBeInstanceOf(ScramError)
  })

  test.each([
    '',
    'n,,n=user',
    'p=tls-unique,,n=user,r=abc',
    'n,,m=ext,n=user,r=abc',
    'n,,n=a=b,r=abc',
    'q,,n=user,r=abc',
    `n,,n=${'x'.repeat(5000)},r=abc`,
  ])('refuses the first message %j', (text) => {
    expect(() => parseClientFirst(text)).toThrow(ScramError)
  })

  test('reads names with commas and equals signs', () => {
    expect(parseClientFirst('y,a=other,n=a=2Cb=3Dc,r=nonce,x=1')).toMatchObject({
      name: 'a,b=c',
      nonce: 'nonce',
      header: 'y,a=other,',
    })
  })
})

describe('secrets', () => {
  test('are read and written in the form of PostgreSQL', async () => {
    const secret = await secretOf('geheim', salt, 4096)
    const salted = pbkdf2Sync('geheim', salt, 4096, 32, 'sha256')
    const stored = sha256(hmac(salted, 'Client Key')).toString('base64')
    const server = hmac(salted, 'Server Key').toString('base64')
    const text = `SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$${stored}:${server}`
    expect(secretText(secret)).toBe(text)
    const parsed = parseSecret(text)!
    expect(await isPassword(parsed, 'geheim')).toBe(true)
    expect(await isPassword(parsed, 'geheim ')).toBe(false)
  })

  test('a text of another form is a password', () => {
    for (const text of ['SCRAM-SHA-256$4096:AAAA$AAAA:AAAA', 'md5abc', '', 'SCRAM-SHA-256$']) {
      expect(parseSecret(text)).toBeUndefined()
    }
    const keys = Buffer.alloc(32).toString('base64')
    expect(() => parseSecret(`SCRAM-SHA-256$4000000:AAAA$${keys}:${keys}`)).toThrow('iterations')
  })

  test('are of no empty and no endless password', async () => {
    await expect(secretOf('', salt)).rejects.toMatchObject({ code: 'invalid_argument' })
    await expect(secretOf('x'.repeat(5000), salt)).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(await isPassword(await secretOf('x', salt, 4096), 'x'.repeat(1_000_000))).toBe(false)
  })
})

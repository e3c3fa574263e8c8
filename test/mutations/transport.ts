/** What passes between machines: who is let in how, what is taken for what came encrypted, and what strangers may hold. */
import { mutationsOf, type Mutation } from './mutation.ts'

export const transportMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/server/newcomer.ts',
    ['src/server/newcomer.test.ts', 'src/server/tls.test.ts'],
    [
      [
        'what came in the open before the handshake is taken for what came in it',
        'const isEarly = this.#first.length > sizeBytes',
        'const isEarly = this.#first.length < sizeBytes',
      ],
      [
        'who was told that it may begin with TLS goes on in the open',
        "(this.#tls === 'asked' || this.#first[0] === handshakeRecord)",
        'this.#first[0] === handshakeRecord',
      ],
      [
        'who asked in one protocol speaks another within TLS',
        'asked === undefined ? one.alpn === protocol : one === asked',
        'asked === undefined ? one.alpn === protocol : one !== null',
      ],
      ['PostgreSQL needs no ALPN', 'asked === undefined ? one.alpn === protocol', 'asked === undefined ? one !== null'],
      [
        'passwords are taken in the open from other machines',
        "isExposed: !this.#socket.isLocal && this.#tls !== 'secured' && !allowsInsecure",
        'isExposed: this.#socket.isLocal && !allowsInsecure',
      ],
      ['a handshake may last', '    this.#limit()\n    const hello', '    const hello'],
      [
        'who has asked for encryption may keep silent',
        '    this.#limit()\n    this.#first = nothing\n',
        '    this.#first = nothing\n',
      ],
      ['a login has ten seconds beside those of the handshake', 'loginMs - (sessions', 'loginMs + 0 * (sessions'],
      ['TLS is not charged', 'this.#mayKeep(this.#first.length + secureBytes)', 'this.#mayKeep(this.#first.length)'],
      ['any number of refusals of GSSAPI', 'else if (this.#wasRefused) this.cut()', ''],
    ],
  ),
  ...mutationsOf(
    'src/server/client-hello.ts',
    ['src/server/newcomer.test.ts'],
    [
      [
        'OpenSSL takes memory for any length',
        "return messageBytes > maxHelloBytes ? 'no' : 'yes'",
        "return messageBytes < 0 ? 'no' : 'yes'",
      ],
      [
        'a hello that is not whole goes to OpenSSL',
        "if (bytes.length < recordHeadBytes + recordBytes) return 'more'",
        "if (bytes.length < recordHeadBytes + 4) return 'more'",
      ],
    ],
  ),
  ...mutationsOf(
    'src/server/handshakes.ts',
    ['src/server/handshakes.test.ts'],
    [['all handshakes begin at once', 'if (this.#begun >= mostInTurn) break', '']],
  ),
  ...mutationsOf(
    'src/server/certificates.ts',
    ['src/server/certificates.test.ts'],
    [
      ['files are read once', "if ('keyFile' in tls) certificates.#watch()", ''],
      ['what is no pair is said again and again', 'if (this.#isSeen(String(error))) return', ''],
    ],
  ),
  ...mutationsOf(
    'src/server/leaving.ts',
    ['src/server/tls.test.ts'],
    [
      ['others are let in without a user', 'if (!hasUsers) {', 'if (hasUsers === undefined) {'],
      ['passwords may pass in the open without a word', 'options.tls === undefined', 'options.tls === null'],
    ],
  ),
  ...mutationsOf(
    'src/host/real/secure-socket.ts',
    ['src/server/newcomer.test.ts', 'src/server/tls.test.ts', 'src/server/certificates.test.ts'],
    [
      ['half a handshake stays', 'lower.allowHalfOpen = false', 'lower.allowHalfOpen = true'],
      [
        'a handshake can be done again',
        'secureOptions: constants.SSL_OP_NO_RENEGOTIATION,',
        'secureOptions: constants.SSL_OP_NO_TICKET,',
      ],
      [
        'any key is taken for the certificate',
        'if (!shown.checkPrivateKey(createPrivateKey(key))) throw',
        'if (false) throw',
      ],
      ['TLS 1.1 is spoken', "minVersion: 'TLSv1.2'", "minVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0'"],
    ],
  ),
  ...mutationsOf(
    'src/host/real/secure-socket.ts',
    ['src/server/client-certificates.test.ts'],
    [
      ['any client certificate is taken', ': !upper.authorized', ': false'],
      ['what is revoked is taken', 'crl: listsIn(text.revocations)', 'crl: undefined'],
    ],
  ),
  ...mutationsOf(
    'src/principal/certificates.ts',
    ['src/server/client-certificates.test.ts'],
    [
      ['a certificate proves whoever asks', 'if (name !== undefined && name !== each) continue', ''],
      [
        'a certificate proves who is proved by a password',
        'role?.login === true && certificateProves(principals, each)',
        'role?.login === true',
      ],
      ['a certificate lets in who may not log in', 'role?.login === true && cert', 'role !== undefined && cert'],
    ],
  ),
  ...mutationsOf(
    'src/server/server-names.ts',
    ['src/server/server-names.test.ts'],
    [['a name need not be within the domain', 'name.endsWith(`.${domain}`)', 'name.endsWith(domain)']],
  ),
  ...mutationsOf(
    'src/gateway/redis/conversation.ts',
    ['src/server/server-names.test.ts'],
    [
      [
        'who is not known opens the database that it has called',
        'homeDatabase !== undefined && this.#isIdentified && ',
        'homeDatabase !== undefined && ',
      ],
      ['a database that was called is not asked for', 'this.changeSession({ database })', 'this.changeSession({})'],
    ],
  ),
  ...mutationsOf(
    'src/host/real/network.ts',
    ['src/host/real/local-sockets.test.ts'],
    [
      ['a socket is for everybody', 'process.umask(0o077)', 'process.umask(0)'],
      ["a living server's socket is taken away", 'other.destroy()', 'other.destroy()\n    fs.rmSync(path)'],
      ['what a killed server has left stays', 'if (path !== undefined) await preparePath(path)', ''],
    ],
  ),
]

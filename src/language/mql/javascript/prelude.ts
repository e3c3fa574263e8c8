/**
 * What scripts find beside the language itself: MongoDB's types and the few functions that its shell has, and the way in and
 * out. A program for the sandbox, not for us.
 *
 * In and out go texts of JSON. What JSON has no value for lies in a text of its own kind: on the way in beside the values,
 * with its place (`specials`), on the way out within them, as an object whose one field is called NUL, which is the name of
 * no field of a document.
 */
export const prelude = `
(function () {
  'use strict'
  const { parse, stringify } = JSON
  const { defineProperty, keys, create, getPrototypeOf } = Object
  const { isArray } = Array
  const NativeDate = Date, NativeRegExp = RegExp
  const makeFunction = Function
  const tagged = new WeakMap()
  const mark = tagged.set.bind(tagged), markOf = tagged.get.bind(tagged)
  const timeOf = Function.prototype.call.bind(Date.prototype.getTime)
  const sourceOf = Function.prototype.call.bind(Function.prototype.toString)
  const toBigInt = BigInt, asLong = BigInt.asIntN

  function put(holder, name, value) {
    defineProperty(holder, name, { value, configurable: true, enumerable: true, writable: true })
  }

  function type(name, tag, write, methods) {
    function made(...given) {
      const self = new.target === undefined ? create(made.prototype) : this
      mark(self, [tag, ...write(self, ...given)])
      return self
    }
    defineProperty(made, 'name', { value: name })
    for (const [method, run] of Object.entries(methods)) {
      defineProperty(made.prototype, method, { value: run, configurable: true, writable: true })
    }
    defineProperty(globalThis, name, { value: made, configurable: true, writable: true })
    return made
  }

  /** The interpreter's own chance would begin alike in all. */
  let chance = 0
  const { imul } = Math
  defineProperty(Math, 'random', {
    value: function random() {
      chance = (chance + 0x6d2b79f5) | 0
      let mixed = imul(chance ^ (chance >>> 15), chance | 1)
      mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
    },
    configurable: true,
    writable: true,
  })

  const of = (self) => markOf(self)
  const digits = '0123456789abcdef'
  const isHex = (text, length) => typeof text === 'string' && text.length === length && /^[0-9a-fA-F]*$/.test(text)
  let drawn = 0
  function newId() {
    let text = (Math.floor(NativeDate.now() / 1000) >>> 0).toString(16).padStart(8, '0')
    while (text.length < 18) text += digits[Math.floor(Math.random() * 16)]
    return text + (drawn++ & 0xffffff).toString(16).padStart(6, '0')
  }

  const make = create(null)
  make.ObjectId = type('ObjectId', 'o', (self, text = newId()) => {
    const id = text instanceof make.ObjectId ? of(text)[1] : text
    if (!isHex(id, 24)) throw new TypeError('invalid object id: length')
    const hex = id.toLowerCase()
    put(self, 'str', hex)
    return [hex]
  }, {
    toString() { return 'ObjectId("' + of(this)[1] + '")' },
    tojson() { return this.toString() },
    valueOf() { return of(this)[1] },
    equals(other) { return other instanceof make.ObjectId && of(other)[1] === of(this)[1] },
    getTimestamp() { return new NativeDate(parseInt(of(this)[1].slice(0, 8), 16) * 1000) },
  })
  make.NumberLong = type('NumberLong', 'l', (self, value = 0) => {
    const text = typeof value === 'number' ? String(Math.trunc(value)) : String(markOf(value)?.[1] ?? value)
    const number = toBigInt(text)
    if (asLong(64, number) !== number) throw new RangeError('could not convert to a NumberLong: ' + text)
    return [text]
  }, {
    toNumber() { return Number(of(this)[1]) },
    valueOf() { return Number(of(this)[1]) },
    toString() { return 'NumberLong(' + of(this)[1] + ')' },
    tojson() { return this.toString() },
    compare(other) {
      const a = toBigInt(of(this)[1]), b = toBigInt(of(new make.NumberLong(other))[1])
      return a < b ? -1 : a > b ? 1 : 0
    },
  })
  make.NumberInt = type('NumberInt', 'i', (_self, value = 0) => [Number(value) | 0], {
    toNumber() { return of(this)[1] },
    valueOf() { return of(this)[1] },
    toString() { return 'NumberInt(' + of(this)[1] + ')' },
    tojson() { return this.toString() },
  })
  make.NumberDecimal = type('NumberDecimal', 'm', (_self, value = '0') => [String(markOf(value)?.[1] ?? value)], {
    toString() { return 'NumberDecimal("' + of(this)[1] + '")' },
    tojson() { return this.toString() },
  })
  make.Timestamp = type('Timestamp', 't', (self, t = 0, i = 0) => {
    put(self, 't', t >>> 0)
    put(self, 'i', i >>> 0)
    return [t >>> 0, i >>> 0]
  }, {
    getTime() { return of(this)[1] },
    getInc() { return of(this)[2] },
    toString() { return 'Timestamp(' + of(this)[1] + ', ' + of(this)[2] + ')' },
    tojson() { return this.toString() },
  })
  make.BinData = type('BinData', 'b', (_self, subtype, text = '') => [subtype & 255, String(text)], {
    subtype() { return of(this)[1] },
    base64() { return of(this)[2] },
    toString() { return 'BinData(' + of(this)[1] + ',"' + of(this)[2] + '")' },
    tojson() { return this.toString() },
  })
  make.Code = type('Code', 'c', (self, code = '') => {
    put(self, 'code', String(code))
    return [String(code)]
  }, {})
  make.MinKey = type('MinKey', '<', () => [], { tojson() { return '{ "$minKey" : 1 }' } })
  make.MaxKey = type('MaxKey', '>', () => [], { tojson() { return '{ "$maxKey" : 1 }' } })

  const enter = {
    o: make.ObjectId, l: make.NumberLong, m: make.NumberDecimal, t: make.Timestamp, b: make.BinData, c: make.Code,
    '<': make.MinKey, '>': make.MaxKey,
    d: (ms) => new NativeDate(ms),
    r: (source, flags) => new NativeRegExp(source, flags),
    n: Number,
    u: () => undefined,
  }

  function open(text) {
    const [given, specials] = parse(text)
    for (const [path, tag, ...data] of specials) {
      let holder = given
      for (let i = 0; i < path.length - 1; i++) holder = holder[path[i]]
      const Made = enter[tag]
      put(holder, path[path.length - 1], Made.prototype === undefined || tag === 'n' ? Made(...data) : new Made(...data))
    }
    return given
  }

  function special(...content) {
    return { '\\0': content }
  }

  function packed(value, depth) {
    switch (typeof value) {
      case 'number':
        return value - value !== 0 || (value === 0 && 1 / value < 0) ? special('n', value === 0 ? '-0' : String(value)) : value
      case 'string':
      case 'boolean':
        return value
      case 'undefined':
        return special('u')
      case 'function':
        return special('c', sourceOf(value))
      case 'object':
        return value === null ? null : packedObject(value, depth)
      default:
        throw new TypeError('a ' + typeof value + ' is no value of a document')
    }
  }

  function packedObject(value, depth) {
    if (depth > 100) throw new RangeError('the value is nested too deep')
    const known = markOf(value)
    if (known !== undefined) return special(...known)
    if (value instanceof NativeDate) return special('d', timeOf(value))
    if (value instanceof NativeRegExp) return special('r', value.source, value.flags)
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return packed(value.valueOf(), depth)
    if (isArray(value)) {
      const list = []
      for (let i = 0; i < value.length; i++) put(list, i, packed(value[i], depth + 1))
      return list
    }
    const object = create(null)
    for (const name of keys(value)) object[name] = packed(value[name], depth + 1)
    return object
  }

  const define = (name, value) => defineProperty(globalThis, name, { value, configurable: true, writable: true })
  define('isNumber', (value) => typeof value === 'number' || value instanceof Number)
  define('isString', (value) => typeof value === 'string' || value instanceof String)
  define('isObject', (value) => typeof value === 'object' && value !== null)
  define('ISODate', (text) => {
    if (text === undefined) return new NativeDate()
    const date = new NativeDate(text)
    if (timeOf(date) !== timeOf(date)) throw new TypeError('invalid ISO date: ' + text)
    return date
  })
  define('UUID', (text) => {
    const hex = String(text).replaceAll('-', '')
    if (!isHex(hex, 32)) throw new TypeError('Invalid UUID string: ' + text)
    return new make.BinData(4, base64(hex))
  })
  define('HexData', (subtype, hex) => {
    if (!isHex(hex, String(hex).length) || hex.length % 2 === 1) throw new TypeError('HexData takes hexadecimal digits')
    return new make.BinData(subtype, base64(hex))
  })
  define('hex_md5', (text) => {
    if (typeof text !== 'string') throw new TypeError('hex_md5 takes a string')
    return md5(text)
  })
  define('tojson', tojson)
  define('tojsononeline', tojson)

  const sixty = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  function base64(hex) {
    let text = ''
    for (let at = 0; at < hex.length; at += 6) {
      const part = hex.slice(at, at + 6)
      const bits = parseInt(part.padEnd(6, '0'), 16)
      for (let i = 0; i < 4; i++) text += i <= part.length / 2 ? sixty[(bits >> (18 - 6 * i)) & 63] : '='
    }
    return text
  }

  const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
  const sines = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 4294967296))

  /** RFC 1321. */
  function md5(text) {
    const bytes = Array.from(unescape(encodeURIComponent(text)), (letter) => letter.charCodeAt(0))
    const bits = bytes.length * 8
    bytes.push(128)
    while (bytes.length % 64 !== 56) bytes.push(0)
    for (let i = 0; i < 8; i++) bytes.push(Math.floor(bits / 256 ** i) % 256)
    const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
    for (let at = 0; at < bytes.length; at += 64) {
      let [a, b, c, d] = state
      for (let i = 0; i < 64; i++) {
        const round = i >> 4
        const mixed = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round]
        const word = at + 4 * ([i, 5 * i + 1, 3 * i + 5, 7 * i][round] % 16)
        const taken = bytes[word] | (bytes[word + 1] << 8) | (bytes[word + 2] << 16) | (bytes[word + 3] << 24)
        const sum = (a + mixed + sines[i] + taken) | 0
        const shift = shifts[4 * round + (i % 4)]
        a = d
        d = c
        c = b
        b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0
      }
      for (const [i, part] of [a, b, c, d].entries()) state[i] = (state[i] + part) | 0
    }
    let hex = ''
    for (const part of state) for (let i = 0; i < 4; i++) hex += ((part >>> (8 * i)) & 255).toString(16).padStart(2, '0')
    return hex
  }

  function tojson(value) {
    if (value === undefined) return 'undefined'
    if (typeof value !== 'object' || value === null) return typeof value === 'function' ? sourceOf(value) : stringify(value)
    if (typeof value.tojson === 'function') return value.tojson()
    if (value instanceof NativeDate) return 'ISODate("' + value.toISOString() + '")'
    if (value instanceof NativeRegExp) return String(value)
    if (isArray(value)) return value.length === 0 ? '[ ]' : '[ ' + value.map(tojson).join(', ') + ' ]'
    const names = keys(value)
    return names.length === 0 ? '{ }' : '{ ' + names.map((name) => stringify(name) + ' : ' + tojson(value[name])).join(', ') + ' }'
  }

  /** A function, an expression, or the statements of a function. */
  function compiled(text) {
    const code = text.trim()
    const value = 'return (' + code.replace(/[;\\s]+$/, '') + '\\n)'
    const isFunction = /^(async\\s+)?function\\b/.test(code) || /^(\\([^()]*\\)|[\\w$]+)\\s*=>/.test(code)
    let body = code
    try {
      makeFunction(value)
      body = value
    } catch (error) {
      if (isFunction) throw error
    }
    const made = makeFunction(body)
    return isFunction ? made() : made
  }

  const functions = []
  const failure = (error) => {
    if (error !== null && typeof error === 'object' && 'message' in error) {
      return (error.name ?? 'Error') + ': ' + error.message
    }
    return 'uncaught exception: ' + (typeof error === 'string' ? error : tojson(error))
  }

  const jobs = {
    seed: (number) => void (chance = number),
    compile: (_at, text) => void functions.push(compiled(text)),
    call: (at, text) => {
      const [self, ...given] = open(text)
      return stringify(packed(functions[at].apply(self === null ? undefined : self, given), 0))
    },
    test: (at, text) => {
      const [self] = open(text)
      globalThis.obj = self
      return functions[at].call(self) ? 'true' : 'false'
    },
    /** Functions to begin, to add and perhaps to end, in this order. */
    gather: (at, text) => {
      const [initial, rows, ends] = open(text)
      let state = functions[at](...initial)
      for (const row of rows) state = functions[at + 1](state, ...row)
      if (ends) state = functions[at + 2](state)
      return stringify(packed(state, 0))
    },
  }

  return (job, at, text) => {
    try {
      return '+' + (jobs[job](at | 0, text) ?? '')
    } catch (error) {
      return '-' + failure(error)
    }
  }
})()
`

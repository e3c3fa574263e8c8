/** Random queries over random tables. */
import { exactTypes, expression, type ExpressionOptions, predicate, type ScopeColumn } from './expressions.ts'
import { joined, type Part, type Piece, piece } from './piece.ts'
import type { Random } from './random.ts'
import type { Table } from './tables.ts'
import { isNumber, type TypeName, types } from './values.ts'

export interface Query {
  readonly piece: Piece
  /** All columns are told apart by ORDER BY. */
  readonly isOrdered: boolean
}

export interface Source {
  readonly piece: Piece
  readonly columns: readonly ScopeColumn[]
}

interface Item {
  readonly piece: Piece
  readonly type: TypeName
}

export class QueryMaker {
  readonly #random: Random
  readonly #tables: readonly Table[]
  #names = 0

  constructor(random: Random, tables: readonly Table[]) {
    this.#random = random
    this.#tables = tables
  }

  options(columns: readonly ScopeColumn[], hasParameters: boolean): ExpressionOptions {
    return {
      columns,
      hasParameters,
      subquery: (type, outer) => this.#subquery(type, outer),
      rows: (pair, outer) => this.#rows(pair, outer),
    }
  }

  /** A whole statement. */
  query(hasParameters: boolean): Query {
    const random = this.#random
    const roll = random.next()
    if (roll < 0.12) return this.#union(hasParameters)
    if (roll < 0.24) return this.#withTable(hasParameters)
    return this.#select(hasParameters, this.#source(2, hasParameters), '')
  }

  /** What a FROM may hold: a table, a join of several, a subquery, a function. */
  source(): Source {
    return this.#source(2, false)
  }

  /** `select … order by … limit` over a source. */
  #select(hasParameters: boolean, source: Source, before: Part): Query {
    const random = this.#random
    const options = this.options(source.columns, hasParameters)
    const isGrouped = random.chance(0.35)
    const { items, tail } = isGrouped ? this.#grouped(options) : this.#plain(options)
    const isExact = items.every(({ type }) => exactTypes.includes(type) || type === 'numeric')
    const distinct = !isGrouped && isExact && random.chance(0.2) ? 'distinct ' : ''
    const list = joined(
      items.map((item, i) => piece('item', item.piece, random.chance(0.2) ? ` as n${i}` : '')),
      ', ',
    )
    const where = piece('?where', ...(random.chance(0.6) ? [' where ', predicate(random, 2, options)] : []))
    const { piece: order, isOrdered } = this.#order(items, isExact)
    return {
      piece: piece(
        'statement',
        before,
        `select ${distinct}`,
        ...list,
        ' from ',
        source.piece,
        where,
        ...tail,
        ...order,
      ),
      isOrdered,
    }
  }

  #plain(options: ExpressionOptions): { items: Item[]; tail: Part[] } {
    const random = this.#random
    const items = random.times(1, 4, (): Item => {
      const type = random.chance(0.5) ? random.pick(exactTypes) : random.pick(types)
      const column = random.pick(options.columns)
      if (random.chance(0.4)) return { piece: piece(column.type, column.text), type: column.type }
      return { piece: expression(random, type, random.int(1, 2), options), type }
    })
    return { items, tail: [] }
  }

  #grouped(options: ExpressionOptions): { items: Item[]; tail: Part[] } {
    const random = this.#random
    const keys = options.columns.filter(({ type }) => exactTypes.includes(type))
    const chosen = [...new Set(random.times(0, 2, () => random.pick(keys)))]
    const aggregates = random.times(1, 3, () => this.#aggregate(options))
    const items = [...chosen.map(({ text, type }) => ({ piece: piece('key', text), type })), ...aggregates]
    const group = chosen.length === 0 ? '' : ` group by ${chosen.map(({ text }) => text).join(', ')}`
    const having: Part[] = []
    if (random.chance(0.3)) {
      having.push(' having ', this.#aggregate(options, 'int8').piece, ` ${random.pick(['>', '<=', '<>'])} `)
      having.push(expression(random, 'int8', 0, { ...options, columns: [] }))
    }
    return { items, tail: [group, piece('?having', ...having)] }
  }

  #aggregate(options: ExpressionOptions, wanted?: 'int8'): Item {
    const random = this.#random
    const value = (type: TypeName): Piece => expression(random, type, random.int(0, 1), options)
    const filter = piece(
      '?filter',
      ...(random.chance(0.2) ? [' filter (where ', predicate(random, 1, options), ')'] : []),
    )
    const distinct = random.chance(0.2) ? 'distinct ' : ''
    const item = (type: TypeName, ...parts: readonly Part[]): Item => ({
      piece: piece('aggregate', ...parts, filter),
      type,
    })
    const exact = random.pick(exactTypes)
    switch (random.int(0, wanted === 'int8' ? 1 : 10)) {
      case 0:
        return item('int8', 'count(*)')
      case 1:
        return item('int8', `count(${distinct}`, value(exact), ')')
      case 2: {
        const type = random.pick(['int2', 'int4', 'int8', 'numeric', 'interval'] as const)
        const sums = { int2: 'int8', int4: 'int8', int8: 'numeric', numeric: 'numeric', interval: 'interval' } as const
        return item(sums[type], 'sum(', value(type), ')')
      }
      case 3:
        return item('numeric', `avg(${distinct}`, value(random.pick(['int2', 'int4', 'int8', 'numeric'] as const)), ')')
      case 4:
      case 5: {
        const type = random.pick(exactTypes.filter((one) => !['bool', 'uuid', 'bytea'].includes(one)))
        const gives = type === 'varchar' ? 'text' : type
        return item(gives, `${random.pick(['min', 'max'])}(`, value(type), ')')
      }
      case 6:
        return item('bool', `${random.pick(['bool_and', 'bool_or', 'every'])}(`, value('bool'), ')')
      case 7: {
        const type = random.pick(['int2', 'int4', 'int8'] as const)
        return item(type, `${random.pick(['bit_and', 'bit_or'])}(`, value(type), ')')
      }
      case 8: {
        const text = random.pick(
          options.columns.filter(({ type }) => type === 'text').concat({ text: "'z'::text", type: 'text' }),
        )
        return item('text', `string_agg(${distinct}${text.text}, ',' order by ${text.text})`)
      }
      case 9: {
        const column = random.pick(options.columns.filter(({ type }) => exactTypes.includes(type)))
        const name = random.pick(['array_agg', 'json_agg', 'jsonb_agg'])
        return item(
          'json',
          `${name}(${column.text} order by ${column.text} ${random.pick(['', 'desc', 'nulls first'])})`,
        )
      }
      default: {
        const name = random.pick(['stddev', 'variance', 'var_pop', 'stddev_pop', 'var_samp', 'stddev_samp'])
        return item('numeric', `${name}(`, value(random.pick(['int2', 'int4', 'numeric'] as const)), ')')
      }
    }
  }

  #order(items: readonly Item[], isExact: boolean): { piece: Part[]; isOrdered: boolean } {
    const random = this.#random
    if (random.chance(0.4)) return { piece: [], isOrdered: false }
    const isAll = isExact && random.chance(0.7)
    const places = items
      .map(({ type }, i) => ({ type, place: i + 1 }))
      .filter(({ type }) => isAll || exactTypes.includes(type))
    if (places.length === 0) return { piece: [], isOrdered: false }
    const keys = places.map(
      ({ place }) =>
        `${place}${random.pick(['', '', ' asc', ' desc'])}${random.pick(['', '', ' nulls first', ' nulls last'])}`,
    )
    const order = ` order by ${keys.join(', ')}`
    if (!isAll || random.chance(0.5)) return { piece: [order], isOrdered: isAll }
    const limit = piece('?limit', ` limit ${random.pick(['0', '1', '3', '10', 'all', 'null', '1 + 1'])}`)
    const offset = piece('?offset', random.chance(0.4) ? ` offset ${random.pick(['0', '1', '2', '100'])}` : '')
    return { piece: [order, limit, offset], isOrdered: true }
  }

  /** One column of each of some types, by two queries. */
  #union(hasParameters: boolean): Query {
    const random = this.#random
    const list = random.times(1, 2, () => random.pick(exactTypes))
    const side = (): Part[] => {
      const source = this.#source(1, hasParameters)
      const options = this.options(source.columns, hasParameters)
      const values = joined(
        list.map((type) => expression(random, type, 1, options)),
        ', ',
      )
      const where = piece('?where', ...(random.chance(0.5) ? [' where ', predicate(random, 1, options)] : []))
      return ['select ', ...values, ' from ', source.piece, where]
    }
    const words = ['union', 'union all', 'intersect', 'except', 'intersect all', 'except all']
    const order = random.chance(0.5) ? ` order by ${list.map((_, i) => i + 1).join(', ')}` : ''
    return {
      piece: piece('statement', ...side(), ` ${random.pick(words)} `, ...side(), order),
      isOrdered: order !== '',
    }
  }

  #withTable(hasParameters: boolean): Query {
    const random = this.#random
    const name = this.#name()
    const inner = this.#source(1, hasParameters)
    const options = this.options(inner.columns, hasParameters)
    const list = random.times(1, 3, () => random.pick(exactTypes))
    const names = list.map((_, i) => `w${i}`)
    const values = joined(
      list.map((type) => expression(random, type, 1, options)),
      ', ',
    )
    const hint = random.pick(['', '', 'materialized ', 'not materialized '])
    const before = piece(
      'with',
      `with ${name} (${names.join(', ')}) as ${hint}(select `,
      ...values,
      ' from ',
      inner.piece,
      ') ',
    )
    const source = { piece: piece('from', name), columns: list.map((type, i) => ({ text: `${name}.w${i}`, type })) }
    return this.#select(hasParameters, source, before)
  }

  #name(): string {
    return `a${++this.#names}`
  }

  #table(): Source {
    const table = this.#random.pick(this.#tables)
    const name = this.#name()
    const columns = table.columns.map((column) => ({ text: `${name}.${column.name}`, type: column.type }))
    return { piece: piece('from', `${table.name} ${name}`), columns }
  }

  #source(depth: number, hasParameters: boolean): Source {
    const random = this.#random
    const roll = random.next()
    if (depth === 0 || roll < 0.45) return this.#table()
    if (roll < 0.55) return this.#derived(hasParameters, [])
    if (roll < 0.6) return this.#series()
    const left = this.#source(depth - 1, hasParameters)
    const isLateral = random.chance(0.15)
    const right = isLateral ? this.#derived(hasParameters, left.columns) : this.#source(depth - 1, hasParameters)
    const columns = [...left.columns, ...right.columns]
    if (random.chance(0.1)) {
      return { piece: piece('from', left.piece, ' cross join ', isLateral ? 'lateral ' : '', right.piece), columns }
    }
    const word = random.pick(isLateral ? ['join', 'left join'] : ['join', 'left join', 'right join', 'full join'])
    const on = word === 'full join' ? this.#keyPair(left, right) : this.#joinCondition(left, right, hasParameters)
    const lateral = isLateral ? 'lateral ' : ''
    return { piece: piece('from', left.piece, ` ${word} ${lateral}`, right.piece, ' on ', on), columns }
  }

  #joinCondition(left: Source, right: Source, hasParameters: boolean): Piece {
    const random = this.#random
    if (random.chance(0.7)) return this.#keyPair(left, right)
    return predicate(random, 1, this.options([...left.columns, ...right.columns], hasParameters))
  }

  /** Two columns of one type. */
  #keyPair(left: Source, right: Source): Piece {
    const pairs = left.columns.flatMap((one) =>
      right.columns
        .filter(({ type }) => type === one.type && exactTypes.includes(type))
        .map((other) => `${one.text} = ${other.text}`),
    )
    return piece('bool', pairs.length === 0 ? 'true' : this.#random.pick(pairs))
  }

  #derived(hasParameters: boolean, outer: readonly ScopeColumn[]): Source {
    const random = this.#random
    const inner = this.#table()
    const name = this.#name()
    const options = this.options([...inner.columns, ...outer], hasParameters)
    const list = random.times(1, 3, () => random.pick(exactTypes))
    const values = joined(
      list.map((type, i) => piece('item', expression(random, type, 1, options), ` as d${i}`)),
      ', ',
    )
    const where = piece('?where', ...(random.chance(0.4) ? [' where ', predicate(random, 1, options)] : []))
    return {
      piece: piece('from', '(select ', ...values, ' from ', inner.piece, where, `) ${name}`),
      columns: list.map((type, i) => ({ text: `${name}.d${i}`, type })),
    }
  }

  #series(): Source {
    const name = this.#name()
    const [call, type] = this.#random.pick([
      ['generate_series(1, 4)', 'int4'],
      ['generate_series(3, -3, -2)', 'int4'],
      ["generate_series('2024-01-30'::timestamp, '2024-05-01', '1 month')", 'timestamp'],
      ["unnest(array['a', null, 'b'])", 'text'],
      ["unnest('{3,1,null}'::int[])", 'int4'],
    ] as const)
    return { piece: piece('from', `${call} ${name} (v)`), columns: [{ text: `${name}.v`, type }] }
  }

  /** Rows of two values, of many rows or of few, with what is outside or without. */
  #rows(pair: readonly [TypeName, TypeName], outer: ExpressionOptions): Piece {
    const random = this.#random
    const { piece: from, columns } = this.#table()
    const outside = random.chance(0.5) ? outer.columns.slice(0, 6) : []
    const options = { columns: [...columns, ...outside], hasParameters: outer.hasParameters }
    const values = joined(
      pair.map((type) => expression(random, type, random.int(0, 1), options)),
      ', ',
    )
    const where = piece('?where', ...(random.chance(0.6) ? [' where ', predicate(random, 1, options)] : []))
    // So that the first row of many is the same one everywhere.
    return piece('query', 'select ', ...values, ' from ', from, where, ' order by 1, 2')
  }

  /** One value of at most one row, so that it may stand anywhere. */
  #subquery(type: TypeName, outer: ExpressionOptions): Piece {
    const random = this.#random
    const { piece: from, columns } = this.#table()
    const options = { columns: [...columns, ...outer.columns.slice(0, 6)], hasParameters: outer.hasParameters }
    const key = columns[0]!.text
    const value = expression(random, type, 1, options)
    const outerKeys = outer.columns.filter((column) => column.type === 'int4').map(({ text }) => text)
    const where = ` where ${key} = ${random.pick([...outerKeys, '1', '2', '5'])}`
    if (isNumber(type) && type !== 'float4' && type !== 'float8' && random.chance(0.3)) {
      return piece('query', `select ${random.pick(['min', 'max'])}(`, value, ') from ', from)
    }
    return piece('query', 'select ', value, ' from ', from, where)
  }
}

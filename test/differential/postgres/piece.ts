/**
 * A statement as a tree of text, so that it can be made smaller without being parsed.
 *
 * `kind` says what may stand in a piece's place: an expression's is the name of its type, a clause that may be left out
 * has one that begins with `?`. A parameter is written `$n` where it stands, or as a literal.
 */
export interface Piece {
  readonly kind: string
  readonly parts: readonly Part[]
  /** A parameter's value; `parts` is empty. */
  readonly parameter?: string | null
}

export type Part = string | Piece

export interface Statement {
  readonly text: string
  readonly parameters: readonly (string | null)[]
}

export function piece(kind: string, ...parts: readonly Part[]): Piece {
  return { kind, parts }
}

/** Pieces with text between them. */
export function joined(parts: readonly Part[], between: string): Part[] {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [between, part]))
}

export function render(root: Piece): Statement {
  const parameters: (string | null)[] = []
  const write = (part: Part): string => {
    if (typeof part === 'string') return part
    if (part.parameter === undefined) return part.parts.map(write).join('')
    parameters.push(part.parameter)
    return `$${parameters.length}`
  }
  return { text: write(root), parameters }
}

/** Smaller trees, the much smaller ones first. */
export function* smaller(root: Piece): Generator<Piece> {
  if (root.kind.startsWith('?') && root.parts.length > 0) yield { kind: root.kind, parts: [] }
  for (const inner of below(root)) if (inner.kind === root.kind && inner.kind !== 'statement') yield inner
  const simple = simplest(root)
  if (simple !== undefined) yield simple
  for (const [i, part] of root.parts.entries()) {
    if (typeof part === 'string') continue
    for (const other of smaller(part)) yield { ...root, parts: root.parts.with(i, other) }
  }
}

function* below(root: Piece): Generator<Piece> {
  for (const part of root.parts) {
    if (typeof part === 'string') continue
    yield part
    yield* below(part)
  }
}

const simpleValues: Readonly<Record<string, string>> = {
  int2: '1::int2',
  int4: '1',
  int8: '1::int8',
  numeric: '1.5',
  float4: '1::float4',
  float8: '1::float8',
  text: "'a'::text",
  bool: 'true',
}

function simplest({ kind, parts, parameter }: Piece): Piece | undefined {
  if (parameter !== undefined && parameter !== null) return undefined
  const value = simpleValues[kind]
  if (value === undefined || (parts.length === 1 && typeof parts[0] === 'string')) return undefined
  return piece(kind, value)
}

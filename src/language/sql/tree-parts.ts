/**
 * A large tree as JSON in parts, so that who reads it can pause between them.
 *
 * Long arrays are cut out, inner ones first, a few elements to a part; where one was stands the range of its parts. The
 * last part is what is left: the root.
 *
 *   [{ rows: [r1, r2, …, r900] }]  →  '[r1, …, r450]'  '[r451, …, r900]'  '[{ "rows": { "#parts": [0, 2] } }]'
 *
 * Invariants: no key of the tree is `#parts` (the grammar's are names of C fields); a part refers to earlier ones only.
 * Cutting consumes the tree.
 */
export interface TreePart {
  readonly json: string
  /** Only those are searched for ranges. */
  readonly refers: boolean
}

const rangeKey = '#parts'
/** About a millisecond of reading. */
const partLength = 128 * 1024
const minCutElements = 32

type Tree = unknown[] | Record<string, unknown>

export function cutTree(root: unknown[]): TreePart[] {
  const parts: TreePart[] = []
  const refers = cut(root, parts)
  parts.push({ json: JSON.stringify(root), refers })
  return parts
}

/** Whether there are ranges in it now. */
function cut(tree: Tree, parts: TreePart[]): boolean {
  const isLong = Array.isArray(tree) && tree.length >= minCutElements
  const referring = new Set<unknown>()
  for (const child of Object.values(tree)) {
    if (typeof child === 'object' && child !== null && cut(child as Tree, parts)) referring.add(child)
  }
  if (!isLong) return referring.size > 0
  const from = parts.length
  addParts(tree, referring, parts)
  tree.splice(0, tree.length, { [rangeKey]: [from, parts.length] })
  return true
}

function addParts(elements: readonly unknown[], referring: ReadonlySet<unknown>, parts: TreePart[]): void {
  let texts: string[] = []
  let length = 0
  let refers = false
  const end = (): void => {
    if (texts.length > 0) parts.push({ json: `[${texts.join(',')}]`, refers })
    texts = []
    length = 0
    refers = false
  }
  for (const element of elements) {
    const text = JSON.stringify(element)
    if (length + text.length > partLength) end()
    texts.push(text)
    length += text.length
    refers ||= referring.has(element)
  }
  end()
}

/** Parts as they cross threads: memory that both share, since strings would be copied by the receiver all at once. */
export interface PackedParts {
  readonly bytes: Uint8Array
  /** Of each part. */
  readonly ends: readonly number[]
  readonly refers: readonly boolean[]
}

export function packParts(parts: readonly TreePart[]): PackedParts {
  const sizeBytes = parts.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0)
  const bytes = Buffer.from(new SharedArrayBuffer(sizeBytes))
  let end = 0
  const ends = parts.map(({ json }) => (end += bytes.write(json, end)))
  return { bytes, ends, refers: parts.map(({ refers }) => refers) }
}

/** Each part's text is made when it is asked for. */
export function unpackParts({ bytes, ends, refers }: PackedParts): TreePart[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return ends.map((end, i) => ({
    get json() {
      return buffer.toString('utf8', ends[i - 1] ?? 0, end)
    },
    refers: refers[i]!,
  }))
}

export async function joinTree(parts: readonly TreePart[], pause: () => Promise<void>): Promise<unknown> {
  const read: unknown[][] = []
  for (const one of parts) {
    if (read.length > 0) await pause()
    const { json, refers } = one
    const part = JSON.parse(json) as unknown[]
    read.push(refers ? (filled(part, read) as unknown[]) : part)
  }
  return read.at(-1)
}

/** The tree with its ranges replaced by what they stand for. */
function filled(tree: Tree, read: readonly unknown[][]): Tree {
  const range = Array.isArray(tree) && tree.length === 1 ? rangeOf(tree[0]) : undefined
  if (range !== undefined) return ([] as unknown[]).concat(...read.slice(...range))
  const children = tree as Record<string, unknown>
  for (const key of Object.keys(children)) {
    const child = children[key]
    if (typeof child === 'object' && child !== null) children[key] = filled(child as Tree, read)
  }
  return tree
}

function rangeOf(value: unknown): [number, number] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as { [rangeKey]?: [number, number] })[rangeKey]
}

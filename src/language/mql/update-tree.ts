/**
 * A document being changed: a tree that is opened along the paths that an update touches and stays raw bytes elsewhere.
 *
 * Node kinds: an opened object (fields in order), an opened array, or a value as it is. Names are keys of a `Map`, so
 * `__proto__` is one like any other.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { bsonType, BsonValue, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { BsonWriter, indexName } from '../../model/document/bson-writer.ts'
import { arrayPosition } from '../../model/document/path.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { describeKey } from '../../model/document/describe-key.ts'
import { nullValue } from '../../model/document/values.ts'

class ObjectNode {
  readonly fields: Map<string, TreeNode> = new Map()
}

export class ArrayNode {
  items: TreeNode[] = []
}

export type TreeNode = ObjectNode | ArrayNode | BsonValue

/** Positions beyond the end fill up with nulls; the server's limit. */
const mostPadding = 1_500_000

export function openNode(node: TreeNode): TreeNode {
  if (!(node instanceof BsonValue)) return node
  if (node.type === bsonType.object) {
    const opened = new ObjectNode()
    for (const [name, value] of fieldsOf(node)) if (!opened.fields.has(name)) opened.fields.set(name, value)
    return opened
  }
  if (node.type === bsonType.array) {
    const opened = new ArrayNode()
    opened.items = elementsOf(node)
    return opened
  }
  return node
}

/** `roomBytes`: about what it takes, so that nothing is moved. */
export function toValue(node: TreeNode, roomBytes?: number): BsonValue {
  if (node instanceof BsonValue) return node
  const writer = new BsonWriter(new ByteWriter(roomBytes))
  writeNested(writer, node)
  const made = writer.takeValue()
  if (node instanceof ArrayNode) made.type = bsonType.array
  return made
}

function writeNested(writer: BsonWriter, node: ObjectNode | ArrayNode): void {
  writer.begin()
  writeContents(writer, node)
  writer.end()
}

function writeContents(writer: BsonWriter, node: ObjectNode | ArrayNode): void {
  if (node instanceof ObjectNode) {
    for (const [name, child] of node.fields) writeNode(writer, name, child)
    return
  }
  for (const [index, child] of node.items.entries()) writeNode(writer, indexName(index), child)
}

function writeNode(writer: BsonWriter, name: string, node: TreeNode): void {
  if (node instanceof BsonValue) {
    writer.value(name, node)
    return
  }
  if (node instanceof ObjectNode) writer.beginObject(name)
  else writer.beginArray(name)
  writeContents(writer, node)
  writer.end()
}

export function getChild(node: TreeNode, name: string): TreeNode | undefined {
  if (node instanceof ObjectNode) return node.fields.get(name)
  if (node instanceof ArrayNode) return node.items[arrayPosition(name)]
  return undefined
}

export function setChild(node: TreeNode, name: string, child: TreeNode): void {
  if (node instanceof ObjectNode) {
    node.fields.set(name, child)
    return
  }
  if (!(node instanceof ArrayNode)) throw new Error('a value has no children')
  const position = arrayPosition(name)
  if (position - node.items.length > mostPadding) {
    throw mongoError(mongoCode.badValue, `can't backfill more than ${mostPadding} elements`, 'too_large')
  }
  while (node.items.length < position) node.items.push(nullValue)
  node.items[position] = child
}

/** In an array the element becomes null. */
export function removeChild(node: TreeNode, name: string): void {
  if (node instanceof ObjectNode) node.fields.delete(name)
  else if (node instanceof ArrayNode && arrayPosition(name) in node.items) node.items[arrayPosition(name)] = nullValue
}

/** The node that holds the path's last component; opened, and made where `create`. */
export function openParent(root: TreeNode, path: readonly string[], create: boolean): TreeNode | undefined {
  let node = root
  for (let i = 0; i < path.length - 1; i++) {
    const name = path[i]!
    const child = getChild(node, name)
    if (child === undefined && !create) return undefined
    const opened = child === undefined ? new ObjectNode() : openNode(child)
    if (opened instanceof BsonValue) {
      if (!create) return undefined
      throw notViable(path[i + 1]!, name, opened)
    }
    checkPosition(node, name, path)
    setChild(node, name, opened)
    node = opened
  }
  if (create) checkPosition(node, path.at(-1)!, path)
  return node
}

function checkPosition(node: TreeNode, name: string, path: readonly string[]): void {
  if (node instanceof ArrayNode && arrayPosition(name) < 0) {
    const at = path.indexOf(name)
    throw notViable(name, at > 0 ? path[at - 1]! : '', toValue(node))
  }
}

function notViable(name: string, parent: string, value: BsonValue): Error {
  const element = `{${parent}: ${describeKey(value)}}`
  return mongoError(mongoCode.pathNotViable, `Cannot create field '${name}' in element ${element}`)
}

/**
 * Links in documents: every relative link of a Markdown file leads to a file of the repository, and its anchor to a
 * heading there; every `docs/….md` that a document or a source comment mentions exists. Links to the web are not followed.
 */
import { existsSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { listFiles, readText } from './files.mjs'

/**
 * @param {string} root
 * @returns {import('./files.mjs').Problem[]}
 */
export function checkLinks(root) {
  const files = listFiles(root)
  const documents = files.filter((path) => path.endsWith('.md'))
  const mentioning = files.filter((path) => /\.([cm]?[jt]s|md)$/.test(path) && !path.endsWith('.test.ts'))
  return [
    ...documents.flatMap((path) => checkDocument(root, path)),
    ...mentioning.flatMap((path) => checkMentions(root, path)),
  ]
}

/**
 * @param {string} root
 * @param {string} path
 * @returns {import('./files.mjs').Problem[]}
 */
function checkDocument(root, path) {
  return findLinks(readText(root, path)).flatMap(({ target, line }) => {
    const complaint = judgeLink(root, path, target)
    return complaint === undefined ? [] : [`${path}:${line} links to ${target}: ${complaint}`]
  })
}

/**
 * @param {string} root
 * @param {string} path
 * @param {string} target
 * @returns {string | undefined}
 */
function judgeLink(root, path, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined
  const [file = '', anchor] = target.split('#')
  const resolved = file === '' ? path : posix.join(posix.dirname(path), decodeURIComponent(file))
  if (file.startsWith('/')) return 'a link starts at the document, not at the root of the file system'
  if (resolved.startsWith('..')) return 'leads out of the repository'
  if (!existsSync(join(root, resolved))) return 'there is no such file'
  if (anchor === undefined || anchor === '') return undefined
  if (!resolved.endsWith('.md') || statSync(join(root, resolved)).isDirectory()) return undefined
  return findAnchors(readText(root, resolved)).has(anchor) ? undefined : `no heading of ${resolved} makes that anchor`
}

/**
 * Inline links, images and reference definitions, code left out.
 * @param {string} text
 * @returns {{ target: string, line: number }[]}
 */
export function findLinks(text) {
  return proseLines(text).flatMap(({ content, line }) => {
    const inline = [...content.matchAll(/\]\(\s*<?([^)<>\s]+)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/g)]
    const definitions = [...content.matchAll(/^ {0,3}\[[^\]^][^\]]*\]:\s*<?([^\s<>]+)>?/g)]
    return [...inline, ...definitions].map((match) => ({ target: match[1] ?? '', line }))
  })
}

/**
 * The anchors that a document's headings make, as GitHub names them, and those it sets by hand.
 * @param {string} text
 * @returns {Set<string>}
 */
export function findAnchors(text) {
  /** @type {Set<string>} */
  const anchors = new Set()
  for (const match of text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(match[1] ?? '')
  for (const line of outsideFences(text)) {
    const heading = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/.exec(line.content)?.[1]
    if (heading === undefined) continue
    const slug = slugOf(heading)
    let name = slug
    for (let repeat = 1; anchors.has(name); repeat++) name = `${slug}-${repeat}`
    anchors.add(name)
  }
  return anchors
}

/**
 * @param {string} heading
 * @returns {string}
 */
function slugOf(heading) {
  const plain = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]*>/g, '')
  return plain
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-')
}

/**
 * @param {string} text
 * @returns {{ content: string, line: number }[]}
 */
function proseLines(text) {
  return outsideFences(text).map(({ content, line }) => ({ content: content.replace(/(`+)(?!`).*?\1/g, ''), line }))
}

/**
 * @param {string} text
 * @returns {{ content: string, line: number }[]}
 */
function outsideFences(text) {
  /** @type {string | undefined} */
  let fence
  return text.split('\n').flatMap((content, index) => {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(content)?.[1]
    if (fence === undefined && mark !== undefined) fence = mark
    else if (fence === undefined) return [{ content, line: index + 1 }]
    else if (mark?.startsWith(fence) === true) fence = undefined
    return []
  })
}

/**
 * @param {string} root
 * @param {string} path
 * @returns {import('./files.mjs').Problem[]}
 */
function checkMentions(root, path) {
  return readText(root, path)
    .split('\n')
    .flatMap((content, index) =>
      [...content.matchAll(/(?<![\w./-])docs\/[\w./-]+\.md\b/g)]
        .filter((match) => !existsSync(join(root, match[0])))
        .map((match) => `${path}:${index + 1} mentions ${match[0]}: there is no such file`),
    )
}

/** A file of a package that this one is built on: part of the program, as its modules are, and read like them at its start. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export function readPackageFile(name: string): Uint8Array {
  return readFileSync(createRequire(import.meta.url).resolve(name))
}

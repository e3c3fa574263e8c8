/** The file of `--json`: looked at before a run that takes long, not after it. */
import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Why no report could be written to the path; undefined where one can. */
export function faultOfReportFile(path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true) return `${path} is a folder`
    accessSync(found === undefined ? dirname(path) : path, constants.W_OK)
    if (found === undefined && !statSync(dirname(path)).isDirectory()) return `${dirname(path)} is not a folder`
    return undefined
  } catch (error) {
    return `cannot write ${path}: ${(error as Error).message}`
  }
}

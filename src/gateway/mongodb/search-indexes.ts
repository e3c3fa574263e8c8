/** Search indexes lie in a service of their own; a server without it answers all that is about them so. */
import { mongoError } from '../../model/document/mongo-error.ts'

const commands = new Set(['createSearchIndexes', 'updateSearchIndex', 'dropSearchIndex'])

/** For a command that there is not. */
export function absentCommand(name: string): Error {
  return commands.has(name) ? searchNotEnabled() : mongoError(59, `no such command: '${name}'`, 'unsupported')
}

export function searchNotEnabled(): Error {
  const message =
    'Using Atlas Search Database Commands and the $listSearchIndexes aggregation stage requires additional configuration. ' +
    'Please connect to Atlas or an AtlasCLI local deployment to enable.'
  return mongoError(31_082, message, 'unsupported')
}

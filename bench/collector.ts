/** Loaded into a server by `--import`: at SIGUSR2 it collects its garbage, twice, since finalizers make some. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

process.on('SIGUSR2', () => {
  collect()
  setTimeout(collect, 100)
})

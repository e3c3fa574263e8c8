/** What `npm start` tells: one line for each client that people have, to be pasted into another terminal. */

export interface Greeting {
  readonly host: string
  readonly port: number
  /** Undefined: in memory. */
  readonly directory: string | undefined
  readonly hasSamples: boolean
}

/** The lines for the clients, in the order in which they are shown; `docs/tutorial.md` goes on from them. */
export function clientLines({ host, port, hasSamples }: Greeting): string[] {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const sql = hasSamples ? 'SELECT name, balance FROM account ORDER BY balance DESC LIMIT 5' : 'SELECT version()'
  const redis = hasSamples ? 'ZREVRANGE leaderboard 0 4 WITHSCORES' : 'PING'
  const mongo = hasSamples ? 'db.orders.find().limit(2)' : 'db.hello()'
  return [
    `psql postgresql://${address}/polylog -c '${sql}'`,
    `redis-cli -h ${host} -p ${port} ${redis}`,
    `mongosh mongodb://${address}/shop --eval '${mongo}'`,
    `node --input-type=module -e "${nodeSnippet(address, sql)}"`,
  ]
}

/** For a shell's double quotes: without dollar signs and double quotes of its own. */
function nodeSnippet(address: string, sql: string): string {
  return [
    `import pg from 'pg'`,
    `const client = new pg.Client('postgresql://me@${address}/polylog')`,
    'await client.connect()',
    `console.table((await client.query('${sql}')).rows)`,
    'await client.end()',
  ].join('; ')
}

export function greet(greeting: Greeting): string {
  const { directory, hasSamples } = greeting
  const data = directory === undefined ? 'in memory' : `in ${directory}`
  const samples = hasSamples
    ? 'Sample data: SELECT * FROM sample_data tells what it is and whose.'
    : 'There is other data in it already, so no sample data has been loaded.'
  return `\nPolylog is up; its data is ${data}. Ctrl-C stops it.\n${samples}\n\n${clientLines(greeting).join('\n\n')}\n\n`
}

/** One server with a client at each of its doors, for rules that must hold whichever is used. Nothing outside of tests imports this. */
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { EmbeddedDatabase } from '../library/library.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { Server } from './server.ts'

export interface AllDoors {
  readonly port: number
  readonly parts: TestSessions
  readonly pg: Client
  readonly mongo: MongoClient
  readonly library: EmbeddedDatabase
  connectPg(): Promise<Client>
  close(): Promise<void>
}

export async function openAllDoors(): Promise<AllDoors> {
  const parts = await openTestSessions()
  const server = await Server.listen(parts.database.host, parts.sessions, { port: 0 })
  const { port } = server
  const connectPg = async (): Promise<Client> => {
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'polylog' })
    await client.connect()
    return client
  }
  const pg = await connectPg()
  const mongo = new MongoClient(`mongodb://127.0.0.1:${port}/?serverSelectionTimeoutMS=60000`)
  const library = new EmbeddedDatabase(parts.database, parts.sessions, () => Promise.resolve())
  return {
    port,
    parts,
    pg,
    mongo,
    library,
    connectPg,
    async close() {
      await mongo.close()
      await pg.end()
      await library.close()
      await server.close()
      await parts.close()
    },
  }
}

export interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** COPY FROM STDIN, which the driver leaves to its extensions: the command's tag. */
export function copyIn(client: Client, text: string, data: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let tag = ''
    const query = {
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyInResponse(connection: CopyConnection): void {
        connection.sendCopyFromChunk(Buffer.from(data))
        connection.endCopyFrom()
      },
      handleCommandComplete(message: { text: string }): void {
        tag = message.text
      },
      handleReadyForQuery: () => resolve(tag),
      handleError: reject,
    }
    client.query(query as never)
  })
}

/** Functions of LISTEN and NOTIFY. */
import { notify } from '../notification.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { defineFunction, defineSetFunction } from './registry.ts'

const { text, float8 } = oid

defineFunction(
  'pg_notify',
  [text, text],
  oid.void,
  ({ transaction }: SqlRun, channel: string | null, payload: string | null) => {
    notify(transaction, channel ?? '', payload ?? '')
    return ''
  },
  { needsRun: true, volatility: 'volatile', strict: false },
)

defineFunction('pg_notification_queue_usage', [], float8, ({ transaction }: SqlRun) => transaction.effects.hub.usage, {
  needsRun: true,
  volatility: 'volatile',
})

defineSetFunction({
  name: 'pg_listening_channels',
  takes: [],
  variadic: false,
  columns: [{ name: 'pg_listening_channels', type: text }],
  rows: ({ context }) => [...(context.messages?.channels ?? [])].map((channel) => [channel]),
})

/** A column of the matrix: one thing that a door offers, as a driver sends it, and what it asks of who sends it. */
import type { Holdings } from './rules.ts'

export const doors = ['sql', 'mongodb', 'redis'] as const
export type Door = (typeof doors)[number]

export const kinds = [
  'read',
  'count',
  'lock',
  'insert',
  'update',
  'delete',
  'truncate',
  'make',
  'index',
  'change',
  'drop',
  'give',
  'list',
  'describe',
  'explain',
  'sequence',
  'call',
  'users',
  'databases',
  'watch',
  'follow',
  'end others',
  'settings',
  'own session',
] as const
export type Kind = (typeof kinds)[number]

export const things = ['table', 'objects', 'documents', 'keys', 'server'] as const
export type Thing = (typeof things)[number]

export type Command = Readonly<Record<string, unknown>>

/**
 * How what an allowed one has changed is put back: data anew, everything anew, by a statement of a superuser in SQL, or not at
 * all, where it may be done again.
 */
export type Undo = 'items' | 'notes' | 'keys' | 'all' | 'nothing' | { readonly sql: string }

export interface Operation {
  readonly door: Door
  readonly kind: Kind
  readonly thing: Thing
  /** What `needs` is of, where it does not say so. */
  readonly on: string
  readonly needs: string
  /** A statement, a line of words, or a command with MongoDB's database as `$db`. */
  readonly say: string | Command
  /** It changes something, which is put back so. Without it nothing may be written. */
  readonly undo?: Undo
  /** What is answered to who may, where that depends on what else it may. */
  readonly tells?: (held: Holdings) => unknown
  /** The code of the error that is answered to who may: the door does not offer it for this. */
  readonly lacks?: string
}

/** `[needs, say, undo?]`, several of one kind. */
export type Line = readonly [needs: string, say: string | Command, more?: Undo | Partial<Operation>]

export function operationsOf(
  place: Pick<Operation, 'door' | 'thing' | 'on'>,
  byKind: Readonly<Partial<Record<Kind, readonly Line[]>>>,
): Operation[] {
  return Object.entries(byKind).flatMap(([kind, lines]) =>
    lines.map(([needs, say, more]): Operation => {
      const rest = typeof more === 'string' || (more !== undefined && 'sql' in more) ? { undo: more } : more
      return { ...place, kind: kind as Kind, needs, say, ...(rest as Partial<Operation>) }
    }),
  )
}

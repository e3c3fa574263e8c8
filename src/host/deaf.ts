import type { Socket, SocketListener } from './host.ts'

/** Nobody listens. */
export const deaf: SocketListener = {
  onData: () => undefined,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
}

/** For who listens by functions: to what is named, and nothing else. */
export function hear(socket: Socket, handlers: Partial<SocketListener>): void {
  socket.listener = { ...deaf, ...handlers }
}

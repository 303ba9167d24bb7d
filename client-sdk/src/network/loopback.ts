// Which addresses stay on this machine.

const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]):\d+$/i;

/** Whether nobody can stand between us and the host:port. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.test(address);
}

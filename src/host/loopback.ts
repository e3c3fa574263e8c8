/** Whether only this machine itself is meant; IPv4 also as IPv6 writes it. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^(?:::ffff:)?127(\.\d{1,3}){3}$/.test(address)
}

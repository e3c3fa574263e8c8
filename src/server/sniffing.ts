/**
 * Which protocol a connection speaks, by its first bytes (no protocol here lets the server speak first).
 *
 * All gateways are asked. Bytes are gathered as long as more than one may mean them (`newcomer.ts`), and the one is chosen
 * who is sure when nobody else hopes any more. Who fits none is closed; so is what two claim, which `sniffing.test.ts` shows
 * not to happen to any opening of any pair.
 */
import type { Gateway } from '../gateway/gateway.ts'

/** No protocol needs more to be told; what is longer and still unclear is nobody's. */
export const maxSniffBytes: number = 16 * 1024 + 5

/** The gateway whose the bytes are; `more` as long as that is open, `no` where they are nobody's. */
export function choose(gateways: readonly Gateway[], bytes: Uint8Array): Gateway | 'more' | 'no' {
  const verdicts = gateways.map((gateway) => gateway.sniff(bytes))
  if (verdicts.includes('more')) return 'more'
  const sure = verdicts.indexOf('yes')
  return sure < 0 || sure !== verdicts.lastIndexOf('yes') ? 'no' : gateways[sure]!
}

/** Rounding of microseconds to the digits that timestamp(p), time(p) and interval(p) keep. */
export function roundToPrecision(us: bigint, modifier: number): bigint {
  if (modifier < 0 || modifier >= 6) return us
  const unit = 10n ** BigInt(6 - modifier)
  const half = unit / 2n
  return us >= 0n ? ((us + half) / unit) * unit : -(((-us + half) / unit) * unit)
}

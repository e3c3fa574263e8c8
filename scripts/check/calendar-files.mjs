/**
 * Files outside `src/host` that may compute with `new Date(milliseconds)` and `Date.UTC`, as pure calendar arithmetic in
 * UTC, each with its reason. Reading the clock stays forbidden in them.
 * @type {Map<string, string>}
 */
export const calendarFiles = new Map([['src/library/date-values.ts', 'its callers pass and get instances of Date']])

/** Registers every function, operator and aggregate: each file does so as it is loaded. */
/* oxlint-disable import/no-unassigned-import -- loading is what registers them */
import './access-functions.ts'
import './aggregates.ts'
import './arithmetic.ts'
import './array-functions.ts'
import './comparison.ts'
import './date-functions.ts'
import './json-functions.ts'
import './math-functions.ts'
import './set-functions.ts'
import './system-functions.ts'
import './text-functions.ts'
import './verify-function.ts'

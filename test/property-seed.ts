/**
 * Which inputs the property tests try. Every run tries the same ones, so that a commit passes or fails and does not do so
 * by turns; `npm run soak` tries new ones (`POLYLOG_PROPERTY_SEED`), and what it finds gets a test of its own.
 */
import fc from 'fast-check'

const seed = Number(process.env['POLYLOG_PROPERTY_SEED'] ?? 1)

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })

/** The naive store passes the suite it is the model of: a suite that fails here asks for something that is not promised. */
import { describeStore } from './contract-suite.ts'
import { NaiveStore, openNaiveStore } from './naive-store.ts'

describeStore({
  name: 'naive',
  create: () => new NaiveStore(),
  open: (_host, folder) => Promise.resolve(openNaiveStore(folder)),
  runs: 12,
})

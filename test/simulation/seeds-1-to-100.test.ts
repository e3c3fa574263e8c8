import { describe } from 'vitest'
import { testSeeds } from './seeds.ts'

describe('the whole server in simulation', () => testSeeds(1, 100))

/** Geometries of documents: how they lie to each other, and the cells that they are found by. */
import { mutationsOf, type Mutation } from './mutation.ts'

const geo = ['src/gateway/mongodb/geo.test.ts', 'src/gateway/mongodb/geo-areas.test.ts']

export const geometryMutations: readonly Mutation[] = [
  ...mutationsOf('src/model/document/geo/cells.ts', geo, [
    [
      'cells around those of a region are not asked for',
      'for (const number of around) ranges.push',
      'for (const number of []) ranges.push',
    ],
    [
      'a cell is taken for smaller than it is',
      'return { center, radius: radius + nearby }',
      'return { center, radius: radius / 2 }',
    ],
    ['faces of the cube are taken for each other', 'const along = face % 2 === 0 ? 1 : -1', 'const along = 1'],
  ]),
  ...mutationsOf('src/model/document/geo/sphere.ts', geo, [
    [
      'an area is what is on its left, however its corners go',
      'return within < 0 ? [...corners].reverse() : corners',
      'return corners',
    ],
    ['what is opposite to an area is in it', 'return turned > Math.PI', 'return Math.abs(turned) > Math.PI'],
    ['an arc is as near as its ends', 'return isBeside ? ', 'return isBeside && length < 0 ? '],
  ]),
  ...mutationsOf('src/model/document/geo/relations.ts', geo, [
    ['what is in a hole is in the area', '&& !area.holes.some((hole) => isWithinLoop(place, hole))', ''],
    [
      'an area around a hole is within',
      'return !outer.holes.some((hole) => hole.some((corner) => isStrictlyIn(corner, inner)))',
      'return true',
    ],
  ]),
  ...mutationsOf('src/model/document/geo/geo-index.ts', geo, [
    ['who has no geometry is in the index', 'if ([...cells.values()].every(({ length }) => length === 0)) return', ''],
  ]),
  ...mutationsOf('src/language/mql/planner.ts', geo, [
    [
      'an index of geometries serves who asks for none',
      'if (ofGeometries.length > 0 && !ofGeometries.some(({ path }) => hasRegion(path, predicates))) return false',
      '',
    ],
  ]),
  ...mutationsOf('src/language/mql/geo-near.ts', geo, [
    ['what is too near is near', 'distance >= min && ', ''],
    ['any index of geometries serves what is near in a plane', "origin.kind === 'sphere' || geo.kind === '2d'", 'true'],
  ]),
]

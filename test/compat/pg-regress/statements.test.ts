import { expect, it } from 'vitest'
import { answersOf, scriptLines } from './statements.ts'

const script = `-- a comment; not a statement
SELECT 'a;b',
  "c;d" -- and ; here
FROM t;

CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $body$
  SELECT 1;
$body$;
CREATE FUNCTION g() RETURNS int BEGIN ATOMIC
  SELECT CASE WHEN true THEN 1 END;
END;
/* ; /* nested ; */ ; */ SELECT E'it\\'s;' AS x; SELECT (1;2);
COPY t FROM stdin;
1;2
\\.
\\d t
SELECT 2;
`

it('finds the lines in which statements end, as psql does', () => {
  const ends = scriptLines(script).filter(({ answers }) => answers)
  expect(ends.map(({ line }) => line)).toEqual([4, 8, 11, 12, 13, 16, 17])
  // What psql takes as data it does not show.
  expect(scriptLines(script).some(({ text }) => text === '1;2')).toBe(false)
})

it('tells what a transcript says after each of them', () => {
  const lines = scriptLines('SELECT 1\n  AS one;\nSELECT nope;\n\\d t\n')
  const transcript = `SELECT 1
  AS one;
 one 
-----
   1
(1 row)

SELECT nope;
ERROR:  column "nope" does not exist
\\d t
`
  expect([...answersOf(lines, transcript)]).toEqual([
    [2, ' one \n-----\n   1\n(1 row)'],
    [3, 'ERROR:  column "nope" does not exist'],
    [4, ''],
  ])
})

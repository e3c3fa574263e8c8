import { expect, test } from 'vitest'
import { parseSchedules } from './schedules.ts'

const markdown = `
\`\`\`sql
create table test (id int primary key, value int);
insert into test (id, value) values (1, 10);
\`\`\`

\`\`\`sql
select current_setting('transaction_isolation');
\`\`\`

Some level lets it through:

\`\`\`sql
begin; set transaction isolation level read committed; -- T1
update test set value = 12 where id = 1; -- T2, BLOCKS
commit; -- T1. T2 now prints out "ERROR: could not serialize access"
select * from test where a = 30; -- T1. Still returns nothing
select * from test; -- either. Shows 1 => 12, 2 => 22
commit; -- T2. Prints out "ERROR: no"
select * from test; -- T1. Returns the newly inserted row
\`\`\`
`

test('schedules are read with what each step blocks on, shows, and is refused with', () => {
  const { setUp, schedules } = parseSchedules(markdown)
  expect(setUp).toHaveLength(2)
  expect(schedules).toHaveLength(1)
  const [steps] = schedules
  expect(steps!.map(({ session }) => session)).toEqual(['T1', 'T2', 'T1', 'T1', 'T1', 'T2', 'T1'])
  expect(steps![0]).toMatchObject({ line: 14, sql: 'begin; set transaction isolation level read committed;' })
  expect(steps![1]).toMatchObject({ blocks: true, rows: undefined, error: undefined })
  expect(steps![2]).toMatchObject({
    blocks: false,
    error: undefined,
    otherError: { session: 'T2', message: 'could not serialize access' },
  })
  expect(steps!.slice(3).map(({ rows }) => rows)).toEqual([[], ['1 => 12', '2 => 22'], undefined, 'some'])
  expect(steps![5]).toMatchObject({ error: 'no', otherError: undefined })
})

// The results of date expressions, by MongoDB's documentation.
import type { ExpressionCase } from './expressions.ts'

const at = (text: string) => new Date(text)
const date = at('2014-01-01T08:15:39.736Z')
const newYork = 'America/New_York'

export const dateCases: ExpressionCase[] = [
  ['$year', { $year: date }, 2014],
  ['$month', { $month: date }, 1],
  ['$dayOfMonth', { $dayOfMonth: date }, 1],
  ['$hour', { $hour: date }, 8],
  ['$hour in a zone', [{ $hour: { date, timezone: newYork } }, { $hour: { date, timezone: '+05:30' } }], [3, 13]],
  ['$minute', { $minute: date }, 15],
  ['$second', { $second: date }, 39],
  ['$millisecond', { $millisecond: date }, 736],
  ['$dayOfWeek is 1 on Sunday', [{ $dayOfWeek: date }, { $dayOfWeek: at('2014-01-05T00:00:00Z') }], [4, 1]],
  ['$dayOfYear', [{ $dayOfYear: date }, { $dayOfYear: at('2016-12-31T00:00:00Z') }], [1, 366]],
  ['$week is 0 before the first Sunday', [{ $week: date }, { $week: at('2014-01-05T00:00:00Z') }], [0, 1]],
  ['$isoWeek', [{ $isoWeek: at('2016-01-01T00:00:00Z') }, { $isoWeek: at('2015-12-28T00:00:00Z') }], [53, 53]],
  ['$isoWeekYear', { $isoWeekYear: at('2016-01-01T00:00:00Z') }, 2015],
  ['$isoDayOfWeek is 7 on Sunday', { $isoDayOfWeek: at('2014-01-05T00:00:00Z') }, 7],
  [
    'a field of null, and in a zone of null, is null',
    [{ $year: '$x' }, { $year: { date, timezone: '$x' } }],
    [null, null],
  ],
  [
    '$dateToParts',
    { $dateToParts: { date, timezone: newYork } },
    { year: 2014, month: 1, day: 1, hour: 3, minute: 15, second: 39, millisecond: 736 },
  ],
  [
    '$dateToParts by ISO weeks',
    { $dateToParts: { date, iso8601: true } },
    { isoWeekYear: 2014, isoWeek: 1, isoDayOfWeek: 3, hour: 8, minute: 15, second: 39, millisecond: 736 },
  ],
  ['$dateFromParts', { $dateFromParts: { year: 2017, month: 2, day: 8, hour: 12 } }, at('2017-02-08T12:00:00Z')],
  [
    '$dateFromParts carries over and back',
    [
      { $dateFromParts: { year: 2017, month: 14, day: 1, hour: 12 } },
      { $dateFromParts: { year: 2017, month: 0, day: 1 } },
    ],
    [at('2018-02-01T12:00:00Z'), at('2016-12-01T00:00:00Z')],
  ],
  [
    '$dateFromParts in a zone',
    { $dateFromParts: { year: 2016, month: 12, day: 31, hour: 23, minute: 46, second: 12, timezone: newYork } },
    at('2017-01-01T04:46:12Z'),
  ],

  [
    '$dateAdd of days',
    { $dateAdd: { startDate: at('2020-12-31T12:10:05Z'), unit: 'day', amount: 3 } },
    at('2021-01-03T12:10:05Z'),
  ],
  [
    '$dateAdd of months keeps to the end of a month',
    [
      { $dateAdd: { startDate: at('2021-01-31T00:00:00Z'), unit: 'month', amount: 1 } },
      { $dateAdd: { startDate: at('2020-02-29T00:00:00Z'), unit: 'year', amount: 1 } },
      { $dateAdd: { startDate: at('2020-11-30T00:00:00Z'), unit: 'quarter', amount: 1 } },
    ],
    [at('2021-02-28T00:00:00Z'), at('2021-02-28T00:00:00Z'), at('2021-02-28T00:00:00Z')],
  ],
  [
    '$dateAdd of a day keeps the clock of the zone over a change, of hours the time elapsed',
    [
      { $dateAdd: { startDate: at('2021-03-13T17:00:00Z'), unit: 'day', amount: 1, timezone: newYork } },
      { $dateAdd: { startDate: at('2021-03-13T17:00:00Z'), unit: 'hour', amount: 24, timezone: newYork } },
    ],
    [at('2021-03-14T16:00:00Z'), at('2021-03-14T17:00:00Z')],
  ],
  ['$dateAdd of null', { $dateAdd: { startDate: '$x', unit: 'day', amount: 1 } }, null],
  [
    '$dateSubtract',
    [
      { $dateSubtract: { startDate: at('2021-03-31T00:00:00Z'), unit: 'month', amount: 1 } },
      { $dateSubtract: { startDate: at('2021-01-01T00:00:00Z'), unit: 'week', amount: 1 } },
    ],
    [at('2021-02-28T00:00:00Z'), at('2020-12-25T00:00:00Z')],
  ],
  [
    '$dateDiff counts boundaries that were crossed',
    [
      { $dateDiff: { startDate: at('2010-12-31T23:59:59Z'), endDate: at('2011-01-01T00:00:00Z'), unit: 'year' } },
      { $dateDiff: { startDate: at('2021-01-31T00:00:00Z'), endDate: at('2021-02-01T00:00:00Z'), unit: 'month' } },
      { $dateDiff: { startDate: at('2021-01-01T00:59:00Z'), endDate: at('2021-01-01T01:01:00Z'), unit: 'hour' } },
      { $dateDiff: { startDate: at('2021-01-02T00:00:00Z'), endDate: at('2021-01-01T00:00:00Z'), unit: 'day' } },
    ],
    [1, 1, 1, -1],
  ],
  [
    '$dateDiff of weeks, which begin on Sunday or as asked',
    [
      { $dateDiff: { startDate: at('2021-01-02T00:00:00Z'), endDate: at('2021-01-03T00:00:00Z'), unit: 'week' } },
      {
        $dateDiff: {
          startDate: at('2021-01-02T00:00:00Z'),
          endDate: at('2021-01-03T00:00:00Z'),
          unit: 'week',
          startOfWeek: 'Mon',
        },
      },
    ],
    [1, 0],
  ],
  [
    '$dateDiff of days in a zone',
    {
      $dateDiff: {
        startDate: at('2021-01-01T04:00:00Z'),
        endDate: at('2021-01-01T06:00:00Z'),
        unit: 'day',
        timezone: newYork,
      },
    },
    1,
  ],

  ['$dateTrunc', { $dateTrunc: { date: at('2021-03-20T11:30:05Z'), unit: 'hour' } }, at('2021-03-20T11:00:00Z')],
  [
    '$dateTrunc by several of a unit counts from 2000',
    [
      { $dateTrunc: { date: at('2021-03-20T11:30:05Z'), unit: 'month', binSize: 6 } },
      { $dateTrunc: { date: at('2021-03-20T11:30:05Z'), unit: 'minute', binSize: 20 } },
      { $dateTrunc: { date: at('1999-12-31T23:00:00Z'), unit: 'day', binSize: 2 } },
    ],
    [at('2021-01-01T00:00:00Z'), at('2021-03-20T11:20:00Z'), at('1999-12-30T00:00:00Z')],
  ],
  [
    '$dateTrunc to two weeks from a Monday in a zone, as documented',
    ['2020-05-18T14:10:30Z', '2021-03-20T11:30:05Z', '2021-01-15T06:31:15Z', '2020-11-01T00:00:00Z'].map((text) => ({
      $dateTrunc: { date: at(text), unit: 'week', binSize: 2, timezone: 'America/Los_Angeles', startOfWeek: 'Monday' },
    })),
    [at('2020-05-11T07:00:00Z'), at('2021-03-15T07:00:00Z'), at('2021-01-04T08:00:00Z'), at('2020-10-26T07:00:00Z')],
  ],
  [
    '$dateTrunc to a day in a zone, before and after its clock changes',
    [
      { $dateTrunc: { date: at('2021-03-14T12:00:00Z'), unit: 'day', timezone: newYork } },
      { $dateTrunc: { date: at('2021-03-15T12:00:00Z'), unit: 'day', timezone: newYork } },
    ],
    [at('2021-03-14T05:00:00Z'), at('2021-03-15T04:00:00Z')],
  ],
  [
    '$dateTrunc to an hour in a zone of half hours',
    { $dateTrunc: { date: at('2021-03-20T11:45:00Z'), unit: 'hour', timezone: 'Asia/Kolkata' } },
    at('2021-03-20T11:30:00Z'),
  ],
  [
    '$dateTrunc to quarter, year and week',
    ['quarter', 'year', 'week'].map((unit) => ({ $dateTrunc: { date: at('2021-05-20T11:30:05Z'), unit } })),
    [at('2021-04-01T00:00:00Z'), at('2021-01-01T00:00:00Z'), at('2021-05-16T00:00:00Z')],
  ],

  ['$dateToString in the default format', { $dateToString: { date } }, '2014-01-01T08:15:39.736Z'],
  [
    '$dateToString with every specifier',
    { $dateToString: { date, format: '%Y %m %d %H %M %S %L %j %w %u %U %V %G %z %Z %%' } },
    '2014 01 01 08 15 39 736 001 4 3 00 01 2014 +0000 +000 %',
  ],
  [
    '$dateToString in a zone',
    [
      { $dateToString: { date, format: '%H:%M %z %Z', timezone: newYork } },
      { $dateToString: { date, format: '%H:%M %z', timezone: '+04:30' } },
    ],
    ['03:15 -0500 -300', '12:45 +0430'],
  ],
  [
    '$dateToString of null',
    [{ $dateToString: { date: '$x' } }, { $dateToString: { date: '$x', onNull: 'none' } }],
    [null, 'none'],
  ],
]

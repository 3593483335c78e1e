// The demo app, a shop, as data. Its parts name each other by keys, because their ids do not exist yet.

export const demoApp = {
  code: 'demo',
  name: 'Demo shop',
  zone: 'Europe/Berlin',
  linkSchemes: ['demoshop'],
  corsOrigins: ['*'],
}

export type DemoSlot = {
  key: string
  code: string
  name: string
  capacity: number
  /** Keys of creatives. */
  fallback: string[]
  format: DemoFormat | null
  caps?: { count: number; every?: number; unit: 'MINUTE' | 'HOUR' | 'DAY' | 'LIFETIME' }[]
  archived?: boolean
}

type DemoFormat = {
  required: ('TEXT' | 'IMAGE' | 'LINK' | 'DATA')[]
  image?: { width?: number; height?: number; ratio?: string }
  dataSchema?: object
}

const banner: DemoFormat = { required: ['IMAGE', 'LINK'], image: { ratio: '3:1' } }
const icon: DemoFormat = { required: ['IMAGE', 'LINK'], image: { width: 192, height: 192 } }
const splash: DemoFormat = { required: ['IMAGE'], image: { ratio: '9:16' } }
const copy: DemoFormat = { required: ['TEXT'] }
const card: DemoFormat = { required: ['LINK'] }
const offer: DemoFormat = {
  required: ['TEXT', 'DATA'],
  dataSchema: {
    type: 'object',
    required: ['category'],
    properties: {
      category: { enum: ['offer', 'news', 'service'] },
      percentOff: { type: 'integer', minimum: 1, maximum: 90 },
    },
    additionalProperties: false,
  },
}

export const demoSlots: DemoSlot[] = [
  slot('banner', 'home.banner', 'Banner on the home page', 2, ['house'], banner),
  slot('icons', 'home.icons', 'Icons below the banner', 4, ['icon-all'], icon),
  slot('popup', 'home.popup', 'Pop-up on start', 1, [], copy),
  slot('feed', 'feed.card', 'Card in the feed', 1, ['house'], card),
  slot('search', 'search.top', 'Above the results of a search', 2, [], card),
  slot('related', 'product.related', 'Beside a product', 3, ['house'], banner),
  slot('notice', 'checkout.notice', 'Notice at the checkout', 1, ['delivery-notice'], copy),
  {
    ...slot('splash', 'app.splash', 'Picture while the app starts', 1, ['splash-logo'], splash),
    caps: [{ count: 3, unit: 'DAY' }],
  },
  slot('inbox', 'inbox.offers', 'Offers in the inbox', 5, [], offer),
  { ...slot('ticker', 'home.ticker', 'Ticker of the old home page', 1, [], null), archived: true },
]

export type DemoConstraint = Record<string, unknown>

/** Constraints name segments by their keys. */
export const demoSegments = [
  { key: 'members', name: 'Members and staff', constraint: is('tags', 'IN', 'member', 'staff') },
  { key: 'german-speaking', name: 'German-speaking', constraint: is('language', 'IN', 'de') },
]

export const demoStrategies: { key: string; name: string; constraint?: DemoConstraint; rollout?: object }[] = [
  { key: 'members', name: 'Members', constraint: { segment: 'members' } },
  {
    key: 'newcomers',
    name: 'Newcomers who are not on trial',
    constraint: {
      all: [is('attributes.visits', 'NUMBER_LTE', '1'), { not: is('tags', 'IN', 'trial') }],
    },
  },
  {
    key: 'germany',
    name: 'Germany, in German',
    constraint: { all: [is('region', 'IN', 'DE'), { segment: 'german-speaking' }] },
  },
  {
    key: 'new-ios',
    name: 'iPhones with the new checkout',
    constraint: { all: [is('platform', 'IN', 'ios'), is('appVersion', 'VERSION_GTE', '8.2.0')] },
  },
  { key: 'tenth', name: 'A tenth of everybody', rollout: { percentage: 10 } },
  {
    key: 'beta',
    name: 'Half of the beta channel, outside Bavaria',
    constraint: { all: [is('channel', 'IN', 'beta'), { not: is('region', 'IN', 'DE-BY') }] },
    rollout: { percentage: 50, stickiness: 'deviceId' },
  },
]

function slot(
  key: string,
  code: string,
  name: string,
  capacity: number,
  fallback: string[],
  format: DemoFormat | null,
): DemoSlot {
  return { key, code, name, capacity, fallback, format }
}

function is(dimension: string, operator: string, ...values: string[]): DemoConstraint {
  return { dimension, operator, values }
}

// The demo app, as data: a shop with three slots. What it is made of is called by keys here, since ids come later.

export const demoApp = {
  code: 'demo',
  name: 'Demo shop',
  zone: 'Europe/Berlin',
  linkSchemes: ['demoshop'],
  corsOrigins: ['*'],
}

export const demoCreatives = [
  creative('spring', 'Spring sale', 'Everything for the garden, 20 % off', 'demoshop://sale/spring'),
  creative('shoes', 'New shoes', 'The summer collection has arrived', 'demoshop://shoes'),
  creative('members', 'Members first', 'Free delivery for members, today only', 'demoshop://members'),
  creative('app-tour', 'Welcome', 'See what the app can do, in one minute', 'https://demo.example/tour'),
  creative('gift-card', 'Gift cards', 'For those who have everything', 'demoshop://gift-cards'),
  creative('house', 'Have a look around', 'New things every day', 'demoshop://home'),
]

export const demoStrategies = [
  { key: 'members', name: 'Members', constraint: { dimension: 'tags', operator: 'IN', values: ['member'] } },
  {
    key: 'newcomers',
    name: 'Newcomers who are not on trial',
    constraint: {
      all: [
        { dimension: 'attributes.visits', operator: 'EQUALS', values: ['1'] },
        { not: { dimension: 'tags', operator: 'IN', values: ['trial'] } },
      ],
    },
  },
]

export const demoSlots = [
  { key: 'banner', code: 'home.banner', name: 'Banner on the home page', capacity: 2, fallback: ['house'] },
  { key: 'popup', code: 'home.popup', name: 'Pop-up on start', capacity: 1, fallback: [] },
  { key: 'feed', code: 'feed.card', name: 'Card in the feed', capacity: 1, fallback: ['house'] },
]

/** How far each schedule goes: `revised` is live, with a newer draft. */
export type DemoState = 'draft' | 'in review' | 'approved' | 'rejected' | 'live' | 'revised' | 'withdrawn'

export const demoSchedules: DemoSchedule[] = [
  { name: 'Spring sale', slot: 'banner', creatives: ['spring'], priority: 10, weight: 3, state: 'live' },
  { name: 'New shoes', slot: 'banner', creatives: ['shoes'], priority: 10, weight: 1, state: 'live' },
  { name: 'Members first', slot: 'banner', creatives: ['members'], strategy: 'members', priority: 20, state: 'live' },
  { name: 'Tour for newcomers', slot: 'popup', creatives: ['app-tour'], strategy: 'newcomers', state: 'revised' },
  {
    name: 'Gift cards in December',
    slot: 'feed',
    creatives: ['gift-card'],
    startsInDays: 30,
    endsInDays: 60,
    state: 'approved',
  },
  { name: 'Shoes in the feed', slot: 'feed', creatives: ['shoes', 'spring'], state: 'in review' },
  { name: 'Members in the feed', slot: 'feed', creatives: ['members'], state: 'withdrawn' },
  { name: 'Pop-up for everyone', slot: 'popup', creatives: ['spring'], state: 'rejected' },
]

export type DemoSchedule = {
  name: string
  slot: string
  creatives: string[]
  strategy?: string
  priority?: number
  weight?: number
  startsInDays?: number
  endsInDays?: number
  state: DemoState
}

function creative(key: string, title: string, text: string, link: string) {
  const image = { url: `https://demo.example/${key}.png`, width: 1200, height: 400, alt: title }
  return { key, content: { name: title, title, text, image, link } }
}

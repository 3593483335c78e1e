// The schedules of the demo app. Every state occurs, so that every list of an admin frontend shows something.

/**
 * The state of a schedule in the demo:
 * - `recalled`: it was submitted, and the operator recalled the submission
 * - `revised`: it is live, and has a newer draft
 * - `in review again`: it is live, and a newer revision is in review
 * - `revoked`: it was live until its approval was revoked
 */
export type DemoState =
  | 'draft'
  | 'in review'
  | 'recalled'
  | 'approved'
  | 'rejected'
  | 'live'
  | 'revised'
  | 'in review again'
  | 'paused'
  | 'withdrawn'
  | 'revoked'
  | 'archived'

export type DemoSchedule = {
  name: string
  /** `slot`, `creatives` and `strategy` are keys of other demo data. */
  slot: string
  creatives: string[]
  state: DemoState
  strategy?: string
  priority?: number
  weight?: number
  /** Days after the creation of the demo app. */
  startsInDays?: number
  endsInDays?: number
  dayParts?: { days: DayOfWeek[]; from: string; to: string }[]
  /** RFC 5545 RRULE. */
  recurrence?: string
  exclusive?: boolean
}

type DayOfWeek = 'MONDAY' | 'TUESDAY' | 'WEDNESDAY' | 'THURSDAY' | 'FRIDAY' | 'SATURDAY' | 'SUNDAY'

export const demoSchedules: DemoSchedule[] = [
  { name: 'Spring sale', slot: 'banner', creatives: ['spring'], state: 'live', priority: 10, weight: 3 },
  { name: 'New shoes', slot: 'banner', creatives: ['shoes'], state: 'live', priority: 10 },
  { name: 'Members first', slot: 'banner', creatives: ['members'], state: 'live', strategy: 'members', priority: 20 },
  { name: 'Bicycles', slot: 'banner', creatives: ['bicycles'], state: 'live', ...days(20, 50) },
  { name: 'Winter coats', slot: 'banner', creatives: ['winter'], state: 'live', ...days(-60, -10) },
  { name: 'Garden furniture', slot: 'banner', creatives: ['garden', 'lamps'], state: 'in review' },
  { name: 'Clearance', slot: 'banner', creatives: ['clearance'], state: 'rejected' },
  {
    name: 'Lamps in the evening',
    slot: 'banner',
    creatives: ['lamps'],
    state: 'draft',
    strategy: 'tenth',
    dayParts: [{ days: ['FRIDAY', 'SATURDAY'], from: '18:00', to: '02:00' }],
  },

  { name: 'Icon of the sale', slot: 'icons', creatives: ['icon-sale'], state: 'live', priority: 5 },
  { name: 'Icon of the shoes', slot: 'icons', creatives: ['icon-shoes'], state: 'live' },
  { name: 'Icon of the toys', slot: 'icons', creatives: ['icon-toys'], state: 'live' },
  { name: 'Icon of the books', slot: 'icons', creatives: ['icon-books'], state: 'paused' },
  { name: 'Icon of the music', slot: 'icons', creatives: ['icon-music'], state: 'approved' },
  { name: 'Icon of the laboratory', slot: 'icons', creatives: ['icon-beta'], state: 'live', strategy: 'beta' },

  { name: 'Tour for newcomers', slot: 'popup', creatives: ['app-tour'], state: 'revised', strategy: 'newcomers' },
  { name: 'Newsletter', slot: 'popup', creatives: ['newsletter'], state: 'paused' },
  { name: 'Pop-up for everyone', slot: 'popup', creatives: ['spring'], state: 'rejected' },
  { name: 'Ten years', slot: 'popup', creatives: ['newsletter'], state: 'recalled' },

  { name: 'Gift cards in December', slot: 'feed', creatives: ['gift-card'], state: 'approved', ...days(30, 60) },
  { name: 'Shoes in the feed', slot: 'feed', creatives: ['shoes', 'spring'], state: 'in review' },
  { name: 'Members in the feed', slot: 'feed', creatives: ['members'], state: 'withdrawn' },
  { name: 'Bicycles in the feed', slot: 'feed', creatives: ['bicycles'], state: 'live', strategy: 'germany' },
  { name: 'Coats in the feed', slot: 'feed', creatives: ['winter'], state: 'archived' },

  { name: 'Garden above the results', slot: 'search', creatives: ['garden'], state: 'live', ...days(-5, 25) },
  { name: 'Lamps above the results', slot: 'search', creatives: ['lamps'], state: 'in review again' },
  { name: 'Clearance above the results', slot: 'search', creatives: ['clearance'], state: 'draft' },

  { name: 'Returns beside a product', slot: 'related', creatives: ['returns'], state: 'live', weight: 2 },
  { name: 'Gift cards beside a product', slot: 'related', creatives: ['gift-card'], state: 'live' },
  { name: 'Clearance beside a product', slot: 'related', creatives: ['clearance'], state: 'revoked' },

  {
    name: 'New checkout',
    slot: 'notice',
    creatives: ['wallet-notice'],
    state: 'live',
    strategy: 'new-ios',
    priority: 5,
  },
  { name: 'Strike', slot: 'notice', creatives: ['strike-notice'], state: 'withdrawn', ...days(-9, -2) },
  { name: 'Strike in June', slot: 'notice', creatives: ['strike-notice'], state: 'draft', ...days(40, 47) },

  { name: 'Summer', slot: 'splash', creatives: ['splash-summer'], state: 'live', strategy: 'tenth' },
  {
    name: 'Anniversary',
    slot: 'splash',
    creatives: ['splash-anniversary'],
    state: 'approved',
    ...days(90, 91),
    exclusive: true,
  },
  {
    name: 'Anniversary for members',
    slot: 'splash',
    creatives: ['splash-anniversary'],
    state: 'in review',
    strategy: 'members',
  },

  { name: 'Ten per cent', slot: 'inbox', creatives: ['offer-ten'], state: 'live', strategy: 'members' },
  {
    name: 'Free delivery',
    slot: 'inbox',
    creatives: ['offer-shipping'],
    state: 'live',
    ...days(-1, 60),
    recurrence: 'FREQ=WEEKLY;BYDAY=SA,SU',
  },
  { name: 'Store in Hamburg', slot: 'inbox', creatives: ['news-store'], state: 'live', strategy: 'germany' },
  { name: 'Care for leather', slot: 'inbox', creatives: ['service-care'], state: 'paused' },
  { name: 'Ten per cent once more', slot: 'inbox', creatives: ['offer-ten', 'offer-shipping'], state: 'draft' },
]

function days(startsInDays: number, endsInDays: number) {
  return { startsInDays, endsInDays }
}

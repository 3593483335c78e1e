// The thirty creatives of the demo app. Each one fits the format of its slots.

type Shape = 'banner' | 'icon' | 'splash'

const SIZES: Record<Shape, { width: number; height: number }> = {
  banner: { width: 1200, height: 400 },
  icon: { width: 192, height: 192 },
  splash: { width: 1080, height: 1920 },
}

export const demoCreatives = [
  creative('spring', 'Spring sale', 'Everything for the garden, 20 % off', 'banner', 'demoshop://sale/spring'),
  creative('shoes', 'New shoes', 'The summer collection has arrived', 'banner', 'demoshop://shoes'),
  creative('members', 'Members first', 'Free delivery for members, today only', 'banner', 'demoshop://members'),
  creative('app-tour', 'Welcome', 'See what the app can do, in one minute', 'banner', 'https://demo.example/tour'),
  creative('gift-card', 'Gift cards', 'For those who have everything', 'banner', 'demoshop://gift-cards'),
  creative('house', 'Have a look around', 'New things every day', 'banner', 'demoshop://home'),
  creative('bicycles', 'Bicycles', 'Tuned, checked and ready to go', 'banner', 'demoshop://bicycles'),
  creative('garden', 'Garden furniture', 'Sit down, the sun is out', 'banner', 'demoshop://garden'),
  creative('lamps', 'Lamps', 'Light for long evenings', 'banner', 'demoshop://lamps'),
  creative('winter', 'Winter coats', 'Warm until April', 'banner', 'demoshop://coats'),
  creative('returns', 'Returns made easy', 'Scan, drop off, done', 'banner', 'demoshop://returns'),
  creative('clearance', 'Clearance', 'The last of their kind', 'banner', 'demoshop://clearance'),
  creative('icon-all', 'Everything', 'All departments', 'icon', 'demoshop://all'),
  creative('icon-sale', 'Sale', 'What is reduced today', 'icon', 'demoshop://sale'),
  creative('icon-shoes', 'Shoes', 'From sneakers to boots', 'icon', 'demoshop://shoes'),
  creative('icon-toys', 'Toys', 'For children of any age', 'icon', 'demoshop://toys'),
  creative('icon-books', 'Books', 'Read more', 'icon', 'demoshop://books'),
  creative('icon-music', 'Music', 'On vinyl again', 'icon', 'demoshop://music'),
  creative('icon-beta', 'Laboratory', 'Try what is not finished yet', 'icon', 'demoshop://lab'),
  creative('splash-logo', 'Demo shop', 'Good to see you', 'splash'),
  creative('splash-summer', 'Summer', 'The sea is calling', 'splash'),
  creative('splash-anniversary', 'Ten years', 'Thank you for ten years', 'splash'),
  creative('delivery-notice', 'Delivery', 'Ordered by noon, there the day after tomorrow'),
  creative('strike-notice', 'Delays', 'Parcels may take two days longer this week'),
  creative('wallet-notice', 'New checkout', 'Pay with your phone, without typing a number'),
  creative('newsletter', 'Letters from us', 'Once a month, and never more'),
  offer('offer-ten', 'Ten per cent for you', 'On your next order', { category: 'offer', percentOff: 10 }),
  offer('offer-shipping', 'Free delivery', 'On everything, until Sunday', { category: 'offer' }),
  offer('news-store', 'A new store', 'We have opened in Hamburg', { category: 'news' }),
  offer('service-care', 'Care for leather', 'How your shoes live longer', { category: 'service' }),
]

function creative(key: string, title: string, text: string, shape?: Shape, link?: string) {
  const image = shape ? { url: `https://demo.example/${key}.png`, ...SIZES[shape], alt: title } : null
  return { key, content: { name: title, title, text, image, link: link ?? null, data: null as object | null } }
}

function offer(key: string, title: string, text: string, data: object) {
  const { content } = creative(key, title, text)
  return { key, content: { ...content, link: 'demoshop://inbox', data } }
}

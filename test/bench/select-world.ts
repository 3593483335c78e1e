// Slots and requests for the bench of selection: ten tiers, three in ten schedules for everybody, the others targeted by one to
// four of six dimensions, now and then by a rollout. The same ones in every run.

import type { Publication, PublishedEntry } from '../../engine/publication/types.ts'
import type { Comparison, RequestContext } from '../../engine/targeting/types.ts'
import { seeded } from '../support/seeded.ts'

export const NOW = Date.UTC(2026, 4, 1)
const DAY = 86_400_000
const TIERS = 10
const CAPACITY = 3

const TAGS = Array.from({ length: 40 }, (_, at) => `tag-${at}`)
const VERSIONS = Array.from({ length: 60 }, (_, at) => `${6 + Math.floor(at / 10)}.${at % 10}.0`)
const PLATFORMS = ['ios', 'android', 'harmony']
const REGIONS = ['CN', 'CN-11', 'CN-31', 'CN-44', 'US', 'US-CA', 'JP', 'DE', 'BR', 'IN']
const CHANNELS = ['store', 'web', 'partner-a', 'partner-b', 'preinstalled']
const LANGUAGES = ['zh', 'zh-Hans', 'en', 'ja', 'de', 'pt-BR']

export type World = {
  /** @param padding characters of free text in each creative. */
  publication(code: string, schedules: number, padding?: number): Publication
  context(): RequestContext
}

export function createWorld(seed: number): World {
  const random = seeded(seed)
  const below = (count: number) => Math.floor(random() * count)
  const one = <T>(from: readonly T[]): T => from[below(from.length)]!
  const some = (from: readonly string[], most: number) =>
    Array.from(new Set(Array.from({ length: 1 + below(most) }, () => one(from))))

  const comparisons: (() => Comparison)[] = [
    () => ({ dimension: 'tags', operator: random() < 0.8 ? 'IN' : 'NOT_IN', values: some(TAGS, 4) }),
    () => ({ dimension: 'appVersion', operator: one(['VERSION_GTE', 'VERSION_LT'] as const), values: [one(VERSIONS)] }),
    () => ({ dimension: 'platform', operator: 'IN', values: some(PLATFORMS, 2) }),
    () => ({ dimension: 'region', operator: random() < 0.8 ? 'IN' : 'NOT_IN', values: some(REGIONS, 3) }),
    () => ({ dimension: 'channel', operator: 'IN', values: some(CHANNELS, 2) }),
    () => ({ dimension: 'language', operator: 'IN', values: some(LANGUAGES, 2) }),
  ]

  function constraint(): PublishedEntry['constraint'] {
    if (random() < 0.3) return null
    const left = [...comparisons]
    return { all: Array.from({ length: 1 + below(4) }, () => left.splice(below(left.length), 1)[0]!()) }
  }

  /** Ids as long as real ones. */
  const id = (kind: string, code: string, at: number) =>
    `${kind}_0196a3f0-${code.padStart(4, '0').slice(-4)}-7000-8000-${String(at).padStart(12, '0')}`

  function entry(code: string, at: number, padding: number): PublishedEntry {
    const startsAt = random() < 0.5 ? NOW - below(30) * DAY : null
    const creative = {
      id: id('cre', code, at),
      revision: 1,
      title: `Headline ${at} of ${code}`,
      text: 'x'.repeat(padding),
      image: { url: `https://images.example.com/${code}/${at}.webp`, width: 1200, height: 600, alt: `Picture ${at}` },
      link: `https://shop.example.com/campaign/${code}/${at}`,
      data: { campaign: `campaign-${at}`, theme: one(['light', 'dark']) },
      weight: 1,
    }
    return {
      schedule: { id: id('sch', code, at), revision: 1 + below(5) },
      strategy: { id: id('str', code, at), revision: 1 },
      startsAt,
      endsAt: random() < 0.5 ? NOW + (1 + below(30)) * DAY : null,
      priority: at % TIERS,
      weight: one([1, 1, 1, 2, 5]),
      segments: [],
      constraint: constraint(),
      rollout: random() < 0.1 ? { buckets: 1000 * (1 + below(9)), stickiness: null, group: id('str', code, at) } : null,
      times: null,
      exclusive: false,
      caps: [],
      creatives: [creative],
    }
  }

  return {
    publication: (code, schedules, padding = 0) => ({
      ...{ kind: 'slot', app: 'bench', epoch: 1, revision: 1, stopped: false, fallback: [] },
      slot: { id: `slo_${code}`, code, capacity: CAPACITY, rotationSeconds: 3600, caps: [] },
      entries: Array.from({ length: schedules }, (_, at) => entry(code, at, padding)),
    }),
    context: () => ({
      userId: `user-${below(1e9)}`,
      tags: some(TAGS, 5),
      appVersion: one(VERSIONS),
      platform: one(PLATFORMS),
      region: one(REGIONS),
      channel: one(CHANNELS),
      language: one(LANGUAGES),
    }),
  }
}

// Matches the items of two lists: which stayed, moved, were added or were removed. As few items as possible move, because those
// that stay are a longest common subsequence (Hunt and Szymanski, CACM 1977). Example: [a, b, c] -> [c, a, b]: only c moved.

/** The indexes of one item in the two lists. `moved`: its position among the common items changed. */
export type Pair = { before: number; after: number; moved: boolean }

/** `removed` and `added` ascend; `pairs` ascend by `after`. */
export type Alignment = { pairs: Pair[]; removed: number[]; added: number[] }

/** Limits the work: with more pairs of equal items than this, the first equal item is paired only with the first, and so on. */
const MOST_MATCHES = 200_000

/** Aligns lists whose order has a meaning. Each item is given by its identity, which may repeat. */
export function alignOrdered(before: readonly string[], after: readonly string[]): Alignment {
  const stays = withPairs(nothingAlike(before, after), commonSubsequence(before, after))
  const moves = equalItems(before, stays.removed, after, stays.added)
  return withPairs(
    stays,
    moves.map((pair) => ({ ...pair, moved: true })),
  )
}

/** Aligns lists whose order has no meaning: nothing moves. */
export function alignUnordered(before: readonly string[], after: readonly string[]): Alignment {
  const alignment = nothingAlike(before, after)
  return withPairs(alignment, equalItems(before, alignment.removed, after, alignment.added))
}

/** The alignment with more pairs; their items are no longer removed and added. */
export function withPairs({ pairs, removed, added }: Alignment, more: readonly Pair[]): Alignment {
  const taken = new Set(more.map((pair) => pair.before))
  const given = new Set(more.map((pair) => pair.after))
  return {
    pairs: [...pairs, ...more].sort((a, b) => a.after - b.after),
    removed: removed.filter((index) => !taken.has(index)),
    added: added.filter((index) => !given.has(index)),
  }
}

/** Pairs removed with added items that stand between the same two items that stayed: first with first, and so on. */
export function pairsInPlace({ pairs, removed, added }: Alignment): Pair[] {
  const stays = pairs.filter(({ moved }) => !moved)
  const byGap = (side: 'before' | 'after', indexes: readonly number[]) => {
    let gap = 0
    return Map.groupBy(indexes, (index) => {
      while (gap < stays.length && stays[gap]![side] < index) gap += 1
      return gap
    })
  }
  const came = byGap('after', added)
  return [...byGap('before', removed)].flatMap(([gap, gone]) =>
    (came.get(gap) ?? []).slice(0, gone.length).map((after, at) => ({ before: gone[at]!, after, moved: false })),
  )
}

function nothingAlike(before: readonly string[], after: readonly string[]): Alignment {
  return { pairs: [], removed: [...before.keys()], added: [...after.keys()] }
}

/** Pairs equal items at these indexes: the first of an identity with the first, the second with the second. */
function equalItems(
  before: readonly string[],
  removed: readonly number[],
  after: readonly string[],
  added: readonly number[],
): Pair[] {
  const places = Map.groupBy(removed.toReversed(), (index) => before[index]!)
  return added.flatMap((index) => {
    const place = places.get(after[index]!)?.pop()
    return place === undefined ? [] : [{ before: place, after: index, moved: false }]
  })
}

type Link = Pair & { rest: Link | undefined }

function commonSubsequence(before: readonly string[], after: readonly string[]): Pair[] {
  /** For each length, the common subsequence that ends earliest in `after`. */
  const ends: Link[] = []
  for (const [index, places] of placesOf(before, after).entries()) {
    // From the last place to the first, so that an item of `before` is not used twice in one subsequence.
    for (const place of places.toReversed()) {
      const length = countBefore(ends, place)
      ends[length] = { before: index, after: place, moved: false, rest: ends[length - 1] }
    }
  }
  const pairs: Pair[] = []
  for (let link = ends.at(-1); link; link = link.rest) {
    pairs.push({ before: link.before, after: link.after, moved: false })
  }
  return pairs
}

/** For each item of `before`, the indexes of the equal items in `after`. */
function placesOf(before: readonly string[], after: readonly string[]): number[][] {
  const places = Map.groupBy(after.keys(), (index) => after[index]!)
  const all = before.map((identity) => places.get(identity) ?? [])
  if (all.reduce((sum, found) => sum + found.length, 0) <= MOST_MATCHES) return all
  const seen = new Map<string, number>()
  return before.map((identity, index) => {
    const times = seen.get(identity) ?? 0
    seen.set(identity, times + 1)
    return all[index]!.slice(times, times + 1)
  })
}

/** The number of subsequences that end before this place. The place can be added to one of that length. */
function countBefore(ends: readonly Link[], place: number): number {
  let [low, high] = [0, ends.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]!.after < place) low = middle + 1
    else high = middle
  }
  return low
}

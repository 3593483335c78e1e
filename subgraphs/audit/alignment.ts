// Which items of two lists are the same: what stayed, what moved, what came and what is gone. The fewest items move: those
// that stay are a longest common subsequence (Hunt and Szymanski, CACM 1977).

/** `moved`: the item changed places with others that both lists have. Indexes are those of the two lists. */
export type Pair = { before: number; after: number; moved: boolean }

/** `removed` and `added` ascend; `pairs` ascend by `after`. */
export type Alignment = { pairs: Pair[]; removed: number[]; added: number[] }

/** Of so many pairs of equal items each is looked at; past that, each item has only one other that it can be. */
const MOST_MATCHES = 200_000

/** Of lists whose order counts, each item given by its identity; one may come several times. */
export function alignOrdered(before: readonly string[], after: readonly string[]): Alignment {
  const stays = withPairs(nothingAlike(before, after), commonSubsequence(before, after))
  const moves = equalItems(before, stays.removed, after, stays.added)
  return withPairs(
    stays,
    moves.map((pair) => ({ ...pair, moved: true })),
  )
}

/** Of lists whose order means nothing: nothing moves. */
export function alignUnordered(before: readonly string[], after: readonly string[]): Alignment {
  const alignment = nothingAlike(before, after)
  return withPairs(alignment, equalItems(before, alignment.removed, after, alignment.added))
}

/** The same, with these pairs of what was removed and added. */
export function withPairs({ pairs, removed, added }: Alignment, more: readonly Pair[]): Alignment {
  const taken = new Set(more.map((pair) => pair.before))
  const given = new Set(more.map((pair) => pair.after))
  return {
    pairs: [...pairs, ...more].sort((a, b) => a.after - b.after),
    removed: removed.filter((index) => !taken.has(index)),
    added: added.filter((index) => !given.has(index)),
  }
}

/** Pairs of what is gone and what came between the same two items that stayed: the first with the first, and so on. */
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

/** At these indexes: the first of an identity with the first, the second with the second. */
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
  /** One common subsequence of each length: the one that ends earliest in `after`. */
  const ends: Link[] = []
  for (const [index, places] of placesOf(before, after).entries()) {
    // The last place first, for an item of `before` must not come twice in one subsequence.
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

/** For each item of `before` where its equals are in `after`. */
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

/** How many of the subsequences end before this place: so long is the one that it can be added to. */
function countBefore(ends: readonly Link[], place: number): number {
  let [low, high] = [0, ends.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]!.after < place) low = middle + 1
    else high = middle
  }
  return low
}

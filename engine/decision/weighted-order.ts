// The entries with the lowest keys of all that are offered, in order: the weighted order of a tier is wanted only as far as
// there are places to fill. It is emptied, never thrown away, so that a decision allocates nothing here.

/** Entries are known by their position. */
export class WeightedOrder {
  size = 0
  #room = 0
  #keys = new Float64Array(64)
  #positions = new Int32Array(64)

  /** Empties it. @param room how many it keeps from now on. */
  begin(room: number): void {
    this.size = 0
    this.#room = room
    if (room > this.#keys.length) {
      this.#keys = new Float64Array(room)
      this.#positions = new Int32Array(room)
    }
  }

  /** Whether there is a place for a key that is at least this. */
  hasRoomFor(atLeast: number): boolean {
    return this.size < this.#room || atLeast < this.#keys[this.size - 1]!
  }

  /** Of equal keys, the one offered first comes first. */
  offer(position: number, key: number): void {
    if (!this.hasRoomFor(key)) return
    let at = this.size < this.#room ? this.size : this.size - 1
    while (at > 0 && this.#keys[at - 1]! > key) {
      this.#keys[at] = this.#keys[at - 1]!
      this.#positions[at] = this.#positions[at - 1]!
      at -= 1
    }
    this.#keys[at] = key
    this.#positions[at] = position
    if (this.size < this.#room) this.size += 1
  }

  positionAt(place: number): number {
    return this.#positions[place]!
  }
}

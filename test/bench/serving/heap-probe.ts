// Loaded before a node by `bench -- heap` (`node --expose-gc --import`): collects all garbage when the bench asks, and tells what is
// left. The node itself knows nothing of it.

export type HeapSize = {
  /** Bytes. */
  heap: number
  /** Bytes of buffers and of other memory outside of the heap. */
  external: number
}

const collectGarbage = globalThis.gc
if (!collectGarbage) throw new Error('run this with --expose-gc')

process.on('message', async () => {
  // Finalizers run after a collection, and free more.
  for (let turn = 0; turn < 4; turn += 1) {
    collectGarbage({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  process.send!({ heap: heapUsed, external } satisfies HeapSize)
})
// The listener must not keep the process alive longer than without it.
process.channel?.unref()

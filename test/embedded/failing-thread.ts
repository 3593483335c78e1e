// Runs in place of worker-thread.ts in a test: serves like it, and then fails unexpectedly.
import '../../embedded/worker-thread.ts'

setTimeout(() => {
  throw new Error('a defect')
}, 300)

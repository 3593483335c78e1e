// Run by a test in place of worker-thread.ts: serves like it, and dies of an error that nobody expects.
import '../../embedded/worker-thread.ts'

setTimeout(() => {
  throw new Error('a defect')
}, 300)

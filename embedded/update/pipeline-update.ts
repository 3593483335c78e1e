// Updates given as a pipeline: stages that make the new document from the old one.
import { newContext } from '../aggregate/context.ts'
import { compileStages, stageName } from '../aggregate/pipeline.ts'
import { stages, updateStages } from '../aggregate/stages/registry.ts'
import { fail } from '../errors.ts'
import type { Doc, Value } from '../values.ts'

/** A function from the document to the new one, which has the old `_id` if it has none of its own. */
export function compilePipelineUpdate(pipeline: Value[]): (doc: Doc) => Doc {
  for (const stage of pipeline) {
    const name = stageName(stage)
    if (Object.hasOwn(stages, name) && !updateStages.includes(name)) {
      fail('InvalidOptions', `${name} is not allowed to be used within an update`)
    }
  }
  const run = compileStages(pipeline, newContext())
  return (doc) => {
    const [made] = run([doc]) as [Doc]
    return '_id' in made || doc._id === undefined ? made : { _id: doc._id, ...made }
  }
}

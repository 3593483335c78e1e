// Looking back: the revisions of a thing, one of them with its review, and the differences between two.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor } from '../support/subgraphs.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('The revisions of a thing', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  const SHOWN =
    '... on CreativeRevision { id revision content author review { state } } ... on ScheduleRevision { revision }'
  const REVISIONS = `query ($subject: SubjectInput!, $first: Int, $before: Int) {
    revisions(subject: $subject, first: $first, before: $before) { ${SHOWN} } }`
  const REVISION = `query ($subject: SubjectInput!, $revision: Int!) { revision(subject: $subject, revision: $revision) { ${SHOWN} } }`
  const DIFFERENCE = `query ($subject: SubjectInput!, $from: Int!, $to: Int!) {
    difference(subject: $subject, from: $from, to: $to) { path kind before after } }`

  const ask = (query: string, { type, id }: Thing, more: object = {}) =>
    flow.subgraphs.audit.must('viewer', query, { subject: { type, id }, ...more })

  async function makeThree(): Promise<Thing> {
    const creative = await flow.approved(await flow.makeCreative({ title: 'One' }))
    await flow.revise(creative, { title: 'Two' }, 'operator-2')
    await flow.submit(creative)
    await flow.revise(creative, { title: 'Three' })
    return creative
  }

  test('are listed newest first with their reviews, page by page', async () => {
    const creative = await makeThree()
    const all = await ask(REVISIONS, creative)
    expect(all).toMatchObject([
      { revision: 3, content: { title: 'Three' }, review: null },
      { revision: 2, content: { title: 'Two' }, author: 'operator-2', review: { state: 'SUPERSEDED' } },
      { revision: 1, content: { title: 'One' }, review: { state: 'APPROVED' } },
    ])
    expect(await ask(REVISIONS, creative, { first: 2 })).toEqual(all.slice(0, 2))
    expect(await ask(REVISIONS, creative, { first: 2, before: 2 })).toEqual(all.slice(2))
  })

  test('one is read by its number; there is none with another number', async () => {
    const creative = await makeThree()
    expect(await ask(REVISION, creative, { revision: 2 })).toMatchObject({ revision: 2, content: { title: 'Two' } })
    for (const revision of [0, 4, -1]) expect(await ask(REVISION, creative, { revision })).toBeNull()
  })

  test('are compared in both directions, in the form that reviewers see', async () => {
    const creative = await makeThree()
    const changed = (before: string, after: string) => [{ path: 'title', kind: 'CHANGED', before, after }]
    expect(await ask(DIFFERENCE, creative, { from: 1, to: 3 })).toEqual(changed('One', 'Three'))
    expect(await ask(DIFFERENCE, creative, { from: 3, to: 1 })).toEqual(changed('Three', 'One'))
    expect(await ask(DIFFERENCE, creative, { from: 2, to: 2 })).toEqual([])
    expect(await ask(DIFFERENCE, creative, { from: 1, to: 9 })).toBeNull()
  })

  test('are shown to people of the app only, and of things that have revisions only', async () => {
    const creative = await makeThree()
    const subject = { type: creative.type, id: creative.id }
    const authorization = `Bearer ${await tokenFor('viewer', ['another'])}`
    for (const [query, more] of [
      [REVISIONS, {}],
      [REVISION, { revision: 1 }],
      [DIFFERENCE, { from: 1, to: 2 }],
    ] as const) {
      const codeOf = async (variables: object, token: string | undefined) => {
        const context = { authorization: token, requestId: 'test' }
        const { errors } = await flow.subgraphs.audit.subgraph.execute({ query, variables: { ...variables } }, context)
        return errors?.[0]?.extensions?.code
      }
      expect(await codeOf({ subject, ...more }, undefined)).toBe('UNAUTHENTICATED')
      expect(await codeOf({ subject, ...more }, authorization)).toBe('FORBIDDEN')
      const viewer = `Bearer ${await tokenFor('viewer')}`
      expect(await codeOf({ subject: { type: 'SLOT', id: flow.slot.id }, ...more }, viewer)).toBe('BAD_USER_INPUT')
      expect(await codeOf({ subject: { type: 'SCHEDULE', id: creative.id }, ...more }, viewer)).toBe('BAD_USER_INPUT')
    }
  })
})

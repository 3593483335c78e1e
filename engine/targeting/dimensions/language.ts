import { codes } from '../kinds.ts'
import type { Dimension } from './dimension.ts'

export const language: Dimension = {
  name: 'language',
  description:
    'The language of the app: BCP 47, such as zh or zh-Hans-CN, in any letter case. A value means that language and every form of it: IN, NOT_IN and EQUALS with zh find zh-Hans-CN.',
  kind: codes('a language such as zh or zh-Hans-CN', /^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$/),
  isList: false,
  read: ({ language }) => (language ? [language] : []),
}

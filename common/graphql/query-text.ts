// Checks the text of a GraphQL document before it is parsed, in one pass over its tokens: the number of tokens, the depth, the
// length of names, and numbers that JavaScript cannot hold exactly. Later steps can then walk the document safely.

import { Lexer, Source, TokenKind } from 'graphql'
import { AlkaidError, badInput } from '../base/errors.ts'
import { pathText } from '../command/input.ts'
import { inexactMistake, isExact, MAX_NESTING, nestingMistake, pathOfNesting } from '../command/json.ts'

/** Limits of the text of a document. */
export type TextLimits = {
  tokens: number
  /** Characters of one name. An alias comes back in the answer, once for each item of a list. */
  nameLength: number
  /** Nested braces, including those of inline fragments. The separate limit on depth counts only fields. */
  braces: number
}

/** Limits the characters as well, since comments and spaces are not tokens but take time. */
const CHARACTERS_PER_TOKEN = 40
/** A literal goes to the subgraphs as a variable, in a request where it is two levels deeper. */
const MAX_LITERAL_NESTING = MAX_NESTING - 2

/** An open bracket: `(` of arguments or variables, `[` of a list, `{` of an object or a selection. */
type Open = { kind: '(' | '[' | '{'; name: string; items: number }

/**
 * Throws:
 * - BAD_USER_INPUT with the path of the argument, for a value that is nested too deep or a number that is not exact
 * - LIMIT_EXCEEDED for a text that is too large
 * - GraphQLError for characters that are no token
 * It does not check the grammar: the parser does that.
 */
export function requireReadable(text: string, limits: TextLimits): void {
  const maxCharacters = limits.tokens * CHARACTERS_PER_TOKEN
  if (text.length > maxCharacters) throw tooMany('characters', maxCharacters)
  const lexer = new Lexer(new Source(text))
  const open: Open[] = []
  /** The length of `open` up to the `(` of the current arguments. 0 outside of arguments. */
  let withArguments = 0
  let name = ''
  let tokens = 0
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
    tokens += 1
    if (tokens > limits.tokens) throw tooMany('tokens', limits.tokens)
    const inner = open.at(-1)
    if (inner?.kind === '[' && beginsItem(token.kind, token.prev?.kind)) inner.items += 1
    switch (token.kind) {
      case TokenKind.NAME:
        name = token.value
        if (name.length > limits.nameLength) throw tooLong(name, limits.nameLength)
        break
      case TokenKind.COLON:
        if (inner) inner.name = name
        break
      case TokenKind.INT:
      case TokenKind.FLOAT:
        if (!isExact(token.value)) throw badInput(pathText(...pathOf(open, withArguments)), inexactMistake(token.value))
        break
      case TokenKind.PAREN_L:
      case TokenKind.BRACKET_L:
      case TokenKind.BRACE_L:
        if (token.kind === TokenKind.PAREN_L && withArguments === 0) withArguments = open.length + 1
        if (withArguments > 0 && open.length - withArguments === MAX_LITERAL_NESTING) {
          const [first, parts] = pathOf(open, withArguments)
          throw badInput(pathText(first, pathOfNesting(parts)), nestingMistake(MAX_LITERAL_NESTING))
        }
        if (open.length === limits.braces) throw tooManyBraces(limits.braces)
        open.push({ kind: token.kind, name: '', items: -1 })
        break
      case TokenKind.PAREN_R:
      case TokenKind.BRACKET_R:
      case TokenKind.BRACE_R:
        open.pop()
        if (open.length < withArguments) withArguments = 0
        break
    }
  }
}

/** Whether a token begins an item of a list. The name after `$` belongs to the `$`. */
function beginsItem(kind: TokenKind, before: TokenKind | undefined): boolean {
  if (kind === TokenKind.NAME) return before !== TokenKind.DOLLAR
  return ITEMS.has(kind)
}

const ITEMS: ReadonlySet<TokenKind> = new Set([
  TokenKind.INT,
  TokenKind.FLOAT,
  TokenKind.STRING,
  TokenKind.BLOCK_STRING,
  TokenKind.DOLLAR,
  TokenKind.BRACKET_L,
  TokenKind.BRACE_L,
])

/** The current argument or variable, and the path of the current value in it. */
function pathOf(open: readonly Open[], withArguments: number): [string, (string | number)[]] {
  const [argument, ...inside] = open.slice(Math.max(withArguments - 1, 0))
  return [argument?.name || 'query', inside.map(({ kind, name, items }) => (kind === '[' ? items : name))]
}

function tooMany(what: 'tokens' | 'characters', max: number): AlkaidError {
  const most = `A query may have at most ${max.toLocaleString('en')} ${what}, and this one has more.`
  const message = `${most} Split it into several requests, or send values as variables. (The limit is the setting MAX_QUERY_TOKENS.)`
  return new AlkaidError('LIMIT_EXCEEDED', message)
}

function tooManyBraces(max: number): AlkaidError {
  const most = `A query may have at most ${max} braces within each other, and this one has more.`
  return new AlkaidError('LIMIT_EXCEEDED', `${most} Ask for fewer levels at once.`)
}

function tooLong(name: string, max: number): AlkaidError {
  const most = `A name in a query may have at most ${max} characters, and ${name.slice(0, 40)}… has ${name.length}.`
  return new AlkaidError('LIMIT_EXCEEDED', `${most} Choose a shorter one.`)
}

// Where a creative may lead and where its picture may lie. Links run on users' devices: what is not plainly
// `https:` or a scheme of the app's own is refused.

/** What is wrong with a link of a creative of an app with these schemes; undefined when nothing is. */
export function linkMistake(link: string, ownSchemes: readonly string[]): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(link)?.[1]?.toLowerCase()
  if (scheme === 'https') return httpsMistake(link)
  if (scheme !== undefined && ownSchemes.includes(scheme)) return textMistake(link)
  const allowed = ['https', ...ownSchemes].map((name) => `${name}:`).join(', ')
  return `must begin with one of ${allowed}`
}

/** What is wrong with an `https:` URL. */
export function httpsMistake(url: string): string | undefined {
  if (!/^https:\/\/[^/]/i.test(url)) return 'must begin with https:// and a host'
  const mistake = textMistake(url)
  if (mistake) return mistake
  const { username, password } = new URL(url)
  if (username || password) return 'must not hold a user name or password'
  return undefined
}

function textMistake(url: string): string | undefined {
  // Browsers drop tabs and line ends and take a backslash for a slash: such a URL leads elsewhere than it reads.
  if (/[\s\p{Cc}\\]/u.test(url)) return 'must not hold spaces, control characters or backslashes'
  if (!URL.canParse(url)) return 'is not a URL'
  return undefined
}

// Requests as text, as the load generator writes them.

export type RequestParts = {
  method: 'GET' | 'POST'
  /** With the search. */
  path: string
  headers: Readonly<Record<string, string>>
  body?: string
}

export function requestText({ method, path, headers, body = '' }: RequestParts): string {
  const length = method === 'POST' ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  const all = Object.entries({ host: '127.0.0.1', ...headers, ...length })
  return `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

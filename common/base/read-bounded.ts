// Reads the body of an HTTP answer as text, up to a limit, so that a large answer cannot fill the memory.

export class TooLarge extends Error {
  override name = 'TooLarge'
}

/**
 * Resolves to the text of a body, of `fetch` or of a Node stream. Null is the empty text. Throws TooLarge and ends the connection
 * after more than `maxBytes`. Throws TypeError for bytes that are not UTF-8.
 */
export async function readBounded(body: AsyncIterable<Uint8Array> | null, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw new TooLarge(`more than ${maxBytes} bytes`) // leaving the loop cancels the stream
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

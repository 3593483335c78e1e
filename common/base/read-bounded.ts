// Reads an answer of somebody else as text, up to a limit: a stranger's answer must not fill the memory.

export class TooLarge extends Error {
  override name = 'TooLarge'
}

/**
 * The text of a body, of `fetch` or of a Node stream; null is the empty text. Throws TooLarge as soon as more than `maxBytes`
 * have come, and ends the connection; throws TypeError for what is not UTF-8.
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

import { createReadStream } from 'node:fs'
import { EXIT } from './exit-codes.ts'
import { Failure, fileProblem } from './failure.ts'

const NEWLINE = 0x0a

/** The bytes of a file, or of standard input, as they come. @throws (from the iteration) Failure (1) */
export async function* readChunks(file: string | undefined): AsyncGenerator<Buffer> {
  const stream = file === undefined ? process.stdin : createReadStream(file)
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw new Failure(EXIT.failed, `${file ?? 'standard input'} cannot be read: ${fileProblem(error)}`)
  }
}

/** All of the input as one message. @throws Failure (1) as soon as it is longer than `maxBytes` */
export async function readWhole(chunks: AsyncIterable<Buffer>, maxBytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    length += chunk.length
    if (length > maxBytes) throw tooLong(maxBytes)
  }
  return Buffer.concat(parts)
}

/** The input line by line, without line ends. @throws Failure (1) at a line longer than `maxBytes` */
export async function* readLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([rest, chunk.subarray(start, end)])
      if (line.length > maxBytes) throw tooLong(maxBytes)
      yield line
      rest = Buffer.alloc(0)
      start = end + 1
    }
    rest = Buffer.concat([rest, chunk.subarray(start)])
    if (rest.length > maxBytes) throw tooLong(maxBytes)
  }
  if (rest.length > 0) yield rest
}

function tooLong(maxBytes: number): Failure {
  return new Failure(EXIT.failed, `a message can have at most ${maxBytes} bytes on this relay`)
}

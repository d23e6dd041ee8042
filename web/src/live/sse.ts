// Server-sent events as text, without I/O: what arrives is fed in, whole events come out.

export type Message = { event: string; id: string | null; data: string }

/** An event that is longer is no event of ours. */
const LONGEST = 4 << 20

export class Reader {
  private rest = ''
  private event = ''
  private data: string[] = []
  private id: string | null = null

  /** Throws where an event grows past every bound. */
  feed(text: string): Message[] {
    const out: Message[] = []
    this.rest += text
    for (;;) {
      const end = this.rest.search(/\r\n|\n|\r(?!$)/)
      if (end < 0) break
      const line = this.rest.slice(0, end)
      this.rest = this.rest.slice(end + (this.rest.startsWith('\r\n', end) ? 2 : 1))
      const message = this.line(line)
      if (message !== null) out.push(message)
    }
    if (this.rest.length > LONGEST) throw new RangeError('an event without an end')
    return out
  }

  private line(line: string): Message | null {
    if (line === '') {
      const message =
        this.data.length > 0 ? { event: this.event || 'message', id: this.id, data: this.data.join('\n') } : null
      this.event = ''
      this.data = []
      return message
    }
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.event = value
    else if (name === 'data') this.data.push(value)
    else if (name === 'id' && !value.includes('\0')) this.id = value
    return null
  }
}

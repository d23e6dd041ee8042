// What the page's policy (ops/nginx/console.conf.in) asks of code that we did not write. React Aria writes an empty string into
// its announcer and reads the nonce from the meta tag; xterm makes style elements and knows no nonce, and writes colours into
// style attributes, which a policy takes for what came with the page; a Worker is started by its URL. Everything else that would turn text into code is refused, by the browser.

type Policies = {
  createPolicy(
    name: string,
    rules: { createHTML(text: string): string | null; createScriptURL(url: string): string | null },
  ): unknown
}

export function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
}

/** Only our own build's files; null is a refusal. */
export function scriptUrl(url: string, origin: string): string | null {
  const parsed = new URL(url, origin)
  return parsed.origin === origin && parsed.pathname.startsWith('/console/assets/') ? url : null
}

/** To be called once, before anything renders. */
export function guard(): void {
  const policies = (window as { trustedTypes?: Policies }).trustedTypes
  policies?.createPolicy('default', {
    createHTML: (text) => (text === '' ? text : null),
    createScriptURL: (url) => scriptUrl(url, location.origin),
  })
  const make = document.createElement.bind(document)
  const value = nonce()
  document.createElement = ((tag: string, options?: ElementCreationOptions) => {
    const element = make(tag, options)
    if (tag.toLowerCase() === 'style') element.nonce = value
    return element
  }) as typeof document.createElement
  const set = Element.prototype.setAttribute
  Element.prototype.setAttribute = function (this: Element, name: string, value: string) {
    if (name === 'style' && this instanceof HTMLElement) this.style.cssText = value
    else set.call(this, name, value)
  }
}

import { describe, expect, it } from 'vitest'
import { scriptUrl } from './guard'

describe('which scripts may be started by their URL', () => {
  const origin = 'https://console.test'
  it('those of our build', () => {
    expect(scriptUrl('/console/assets/w-1.js', origin)).toBe('/console/assets/w-1.js')
    expect(scriptUrl(`${origin}/console/assets/w-1.js`, origin)).toBe(`${origin}/console/assets/w-1.js`)
  })
  it('and no other', () => {
    for (const url of [
      '/console/x.js',
      '/v1/me',
      'https://elsewhere.test/console/assets/w.js',
      'data:text/javascript,1',
      'blob:https://console.test/1',
      '/console/assets/../../docs/x',
    ]) {
      expect(scriptUrl(url, origin)).toBeNull()
    }
  })
})

import { describe, expect, it } from 'vitest'
import { above, below, isName, normal } from './path'

describe('a path', () => {
  it('is absolute and goes nowhere above the root', () => {
    expect([normal(''), normal('home//user/./x/..'), normal('/../../etc')]).toEqual(['/', '/home/user', '/etc'])
    expect([above('/home/user'), above('/home'), above('/')]).toEqual(['/home', '/', '/'])
    expect([below('/', 'a b'), below('/home', '<img>')]).toEqual(['/a b', '/home/<img>'])
  })
  it('ends in a name that is one', () => {
    expect(['a', '"q"\n', '..a'].map(isName)).toEqual([true, true, true])
    expect(['', '.', '..', 'a/b', 'a\0'].map(isName)).toEqual([false, false, false, false, false])
  })
})

// What is the whole account's is shown to who is somebody in it; everybody else is told who is.
import type { ReactNode } from 'react'
import { mayAccount, useProject } from '../app/project'
import type { Right } from '../app/rights'
import { NoRight } from './NoRight'

export function OfAccount({ right, children }: { right: Right; children: ReactNode }) {
  return mayAccount(useProject(), right) ? children : <NoRight right={right} account />
}

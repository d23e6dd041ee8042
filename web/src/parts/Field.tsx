import { FieldError, Input, Label, Text, TextField, type TextFieldProps } from 'react-aria-components'
import css from './parts.module.css'

type Props = Omit<TextFieldProps, 'className' | 'children'> & {
  label: string
  hint?: string
  mono?: boolean
}

export function Field({ label, hint, mono = false, ...rest }: Props) {
  return (
    <TextField {...rest} className={css.field ?? ''}>
      <Label className={css.label ?? ''}>{label}</Label>
      <Input className={`${css.input} ${mono ? css.mono : ''}`} />
      {hint === undefined ? null : (
        <Text slot="description" className={css.hint ?? ''}>
          {hint}
        </Text>
      )}
      <FieldError className={css.error ?? ''} />
    </TextField>
  )
}

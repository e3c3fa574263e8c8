/** Pages that somebody keeps resident. */
import type { PagePin } from './store.ts'

/** Keeps a page, which counts who does, until it is released; again, that does nothing. */
export function pinPage(page: { pins: number }): PagePin {
  page.pins++
  let isHeld = true
  return {
    release: () => {
      if (isHeld) page.pins--
      isHeld = false
    },
  }
}

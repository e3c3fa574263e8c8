/**
 * Each stretch of the steps within what is set up around it (a style of texts, somebody else's rights); between two of them others
 * run. Steps that are given up are closed within it, too.
 */
export function* inStretches<Y, R>(
  steps: Iterator<Y, R, void>,
  within: <T>(stretch: () => T) => T,
): Generator<Y, R, void> {
  try {
    for (;;) {
      const step = within(() => steps.next())
      if (step.done === true) return step.value
      yield step.value
    }
  } finally {
    within(() => steps.return?.())
  }
}

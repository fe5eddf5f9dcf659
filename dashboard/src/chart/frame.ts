// What happens oftener than the screen shows is answered once a frame.
// In: a function. Out: one that calls it at most once a frame. Free of what it does.

/** Answer when the next frame is made, and of all that came until then the last. */
export function oncePerFrame<Value>(
  answer: (value: Value) => void,
  next: (callback: () => void) => void = (callback) => requestAnimationFrame(callback),
): (value: Value) => void {
  let last: { value: Value } | null = null;
  return (value) => {
    const isWaiting = last !== null;
    last = { value };
    if (isWaiting) return;
    next(() => {
      const held = last!;
      last = null;
      answer(held.value);
    });
  };
}

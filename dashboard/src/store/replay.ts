// The clock of the past: moves the view's moment on, no faster than its answers come.
// In: the store. Out: the view's `at`. [UTC ms] Speeds: seconds of the past per second.
import { signal } from "@preact/signals";

import type { Store } from "./store";

export const SPEEDS = [
  { words: "1 min/s", seconds: 60 },
  { words: "5 min/s", seconds: 300 },
  { words: "15 min/s", seconds: 900 },
  { words: "1 h/s", seconds: 3600 },
  { words: "6 h/s", seconds: 21600 },
] as const;

const TICK_MS = 1000;
const MINUTE_MS = 60_000;

export class Replay {
  readonly playing = signal(false);
  readonly speed = signal<number>(300);
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly store: Store) {}

  toggle(): void {
    if (this.playing.value) this.pause();
    else this.play();
  }

  /** Go on from the moment shown; from a day before the end where that is now. */
  play(): void {
    const span = this.store.span.value;
    if (!span) return;
    const at = this.store.view.value.at;
    if (at === null || at >= span.end) this.store.goTo(Math.max(span.start, span.end - 86_400_000));
    this.playing.value = true;
    this.timer ??= setInterval(() => this.tick(), TICK_MS);
  }

  pause(): void {
    this.playing.value = false;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** One step on, unless what is shown still waits for its answer. */
  tick(): void {
    const { store } = this;
    const span = store.span.value;
    const at = store.view.value.at;
    if (!span || at === null) {
      this.pause();
      return;
    }
    if (store.heat.value.loading || store.zones.value.loading) return;
    const next = Math.floor((at + this.speed.value * TICK_MS) / MINUTE_MS) * MINUTE_MS;
    if (next >= span.end) {
      store.goTo(span.end);
      this.pause();
    } else store.goTo(next);
  }
}

// The time machine: any past moment, and what was known then; plays on at a speed.
import { useRef } from "preact/hooks";

import { formatTime } from "../model/format";
import { utcOf, wallTime } from "../model/zone_time";
import { SPEEDS } from "../store/replay";
import type { Store } from "../store/store";
import { zoneWords } from "./zone_menu";

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The slider shows so much at once: fine enough to hit an hour with a finger. */
const WINDOW = 30 * DAY;
const SETTLED_MS = 180;

/** The part of the whole span that the slider shows, with the moment inside. */
export function windowOf(span: { start: number; end: number }, at: number): [number, number] {
  const length = Math.min(WINDOW, span.end - span.start);
  const end = at > span.end - length ? span.end : Math.min(span.end, at + length / 2);
  return [Math.max(span.start, end - length), end];
}

export function TimeMachine({ store }: { store: Store }) {
  const span = store.span.value;
  const { at, zone } = store.view.value;
  const settle = useRef<ReturnType<typeof setTimeout>>();
  const playing = store.replay.playing.value;
  if (!span) return <div class="time-machine" />;
  const moment = Math.min(at ?? span.end, span.end);
  const [from, to] = windowOf(span, moment);
  const go = (ms: number): void => {
    const next = Math.round(Math.min(Math.max(ms, span.start), span.end) / MINUTE) * MINUTE;
    if (next >= span.end && !span.isOver) store.goToNow();
    else store.goTo(next);
  };
  const slide = (ms: number): void => {
    store.replay.pause();
    clearTimeout(settle.current);
    settle.current = setTimeout(() => go(ms), SETTLED_MS);
  };
  const isNow = at === null || (span.isOver && at >= span.end);
  return (
    <section class="time-machine" aria-label="Time machine">
      <button
        type="button"
        class="button icon play"
        aria-label={playing ? "Pause the replay" : "Play the past"}
        title={playing ? "Pause (space)" : "Play the past (space)"}
        onClick={() => store.replay.toggle()}
      >
        <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" fill="currentColor">
          {playing ? <path d="M2 1h3v10H2zM7 1h3v10H7z" /> : <path d="M2.500 1l8 5-8 5z" />}
        </svg>
      </button>
      <select
        aria-label="Speed of the replay"
        value={String(store.replay.speed.value)}
        onChange={(event) => {
          store.replay.speed.value = Number(event.currentTarget.value);
        }}
      >
        {SPEEDS.map((one) => (
          <option key={one.seconds} value={String(one.seconds)}>
            {one.words}
          </option>
        ))}
      </select>
      <div class="scrubber">
        <span class="end">{formatTime(from, zone).slice(5, 10)}</span>
        <input
          type="range"
          aria-label="Moment"
          aria-valuetext={formatTime(moment, zone)}
          min={from}
          max={to}
          step={5 * MINUTE}
          value={moment}
          style={{ "--share": `${(100 * (moment - from)) / Math.max(1, to - from)}%` }}
          onInput={(event) => slide(Number(event.currentTarget.value))}
        />
        <span class="end">{formatTime(to, zone).slice(5, 10)}</span>
      </div>
      <label class="moment">
        <input
          type="datetime-local"
          aria-label={`Moment, ${zoneWords(zone)}`}
          value={wallTime(moment, zone)}
          min={wallTime(span.start, zone)}
          max={wallTime(span.end, zone)}
          onChange={(event) => {
            const ms = utcOf(event.currentTarget.value, zone);
            store.replay.pause();
            if (ms !== null) go(ms);
          }}
        />
        <span class="muted">{zoneWords(zone)}</span>
      </label>
      <button
        type="button"
        class="button"
        disabled={isNow}
        title={span.isOver ? "The end of what is stored" : "Back to the present"}
        onClick={() => store.goToNow()}
      >
        {span.isOver ? "End" : "Now"}
      </button>
    </section>
  );
}

// Eight signals with reasons and records, what they add up to, and the pressure gauge.
import { useState } from "preact/hooks";

import type { Loading, SignalReading, Signals } from "../api/answers";
import { formatAge } from "../model/format";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, AsOf } from "./state";

export function SignalsPanel({ store }: { store: Store }) {
  const held = useAnswer<Signals>(store, "signals", {}, { model: false });
  const { at, zone } = store.view.value;
  const live = at === null ? store.live.value : null;
  const told = held.value;
  // The stream tells every bar at once; the answer that weighs thirty days may come later.
  if (live?.signals && live.loading && (!told || Date.parse(live.at) >= Date.parse(told.at))) {
    return <Told signals={live.signals} loading={live.loading} gauges={told} />;
  }
  return (
    <Answer held={held} what="eight signals of 30 days">
      {(answer) => (
        <>
          <AsOf at={answer.at} wanted={at} zone={zone} />
          <Told signals={answer.signals} loading={answer.loading} gauges={answer} />
        </>
      )}
    </Answer>
  );
}

interface ToldProps {
  signals: readonly SignalReading[];
  loading: Loading;
  /** Where the two gauges are read; they are no part of the stream. */
  gauges: Signals | null;
}

function Told({ signals, loading, gauges }: ToldProps) {
  const crowding = gauges?.crowding ?? null;
  const missing = gauges === null ? " (being read)" : "";
  return (
    <>
      <div class="gauges">
        <LoadingGauge down={loading.down} up={loading.up} words={loading.words} />
        <Gauge
          title="OI pressure"
          value={gauges?.pressure_gauge ?? null}
          words={`open interest against a price that stands still, 0 to 100 of the last 30 days${missing}`}
        />
        <Gauge
          title={crowding === null ? "Crowding" : crowding < 0 ? "Crowded shorts" : "Crowded longs"}
          value={crowding === null ? null : 100 * Math.abs(crowding)}
          words={`how one-sided funding is: the size of its 3-day mean, 0 to 100 of the last 30 days; who pays is crowded${missing}`}
        />
      </div>
      <ul class="signals">
        {signals.map((one) => (
          <Row key={one.signal} reading={one} />
        ))}
      </ul>
    </>
  );
}

function LoadingGauge({ down, up, words }: { down: number | null; up: number | null; words: string }) {
  return (
    <div class="loading-gauge" title="weight of the signals that point down and up, of 100: a count of reasons, not a chance">
      <div class="gauge-head">
        <span>At risk</span>
        <span class="muted">{words}</span>
      </div>
      <div class="tug" role="img" aria-label={`down ${figure(down)}, up ${figure(up)}, of 100`}>
        <span class="tug-value falls">▼ {figure(down)}</span>
        <div class="tug-bar">
          <i class="falls" style={{ width: `${down ?? 0}%` }} />
        </div>
        <div class="tug-bar">
          <i class="rises" style={{ width: `${up ?? 0}%` }} />
        </div>
        <span class="tug-value rises">{figure(up)} ▲</span>
      </div>
    </div>
  );
}

function figure(value: number | null): string {
  return value === null ? "–" : value.toFixed(0);
}

const ARC = Math.PI * 40;

export function Gauge({ title, value, words }: { title: string; value: number | null; words: string }) {
  const share = value === null ? 0 : Math.min(1, Math.max(0, value / 100));
  return (
    <div class="gauge" title={words}>
      <svg viewBox="0 0 100 58" role="img" aria-label={`${title} ${figure(value)} of 100`}>
        <path d="M10 52a40 40 0 0 1 80 0" class="track" />
        {value !== null && (
          <path
            d="M10 52a40 40 0 0 1 80 0"
            class={share > 0.9 ? "fill high" : "fill"}
            stroke-dasharray={`${ARC * share} ${ARC}`}
          />
        )}
        <text x="50" y="50" text-anchor="middle">
          {figure(value)}
        </text>
      </svg>
      <span>{title}</span>
    </div>
  );
}

const ARROWS: Record<string, string> = { up: "▲", down: "▼", both: "▲▼" };

function Row({ reading }: { reading: SignalReading }) {
  const [open, setOpen] = useState(false);
  const { verdict, direction, title, why, threshold_words, record, inputs } = reading;
  const oldest = inputs.reduce<number | null>(
    (most, one) => (one.age_s === null ? most : Math.max(most ?? 0, one.age_s)),
    null,
  );
  return (
    <li class={`signal ${verdict}`}>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <i class="lamp" aria-hidden="true" />
        <span class="signal-title">{title}</span>
        <span class={`arrow ${direction}`}>{ARROWS[direction] ?? ""}</span>
        <span class="verdict">{verdict}</span>
      </button>
      {/* Seen on hover and focus too, by the style sheet. */}
      <div class={open ? "reason is-open" : "reason"}>
        <p>{why}</p>
        <dl>
          <dt>On when</dt>
          <dd>{threshold_words}</dd>
          <dt>Record</dt>
          <dd>{recordWords(record)}</dd>
          <dt>Oldest input</dt>
          <dd>{formatAge(oldest)}</dd>
        </dl>
      </div>
    </li>
  );
}

function recordWords(record: SignalReading["record"]): string {
  if (record === null) return "none is held: what a firing was worth here is not known";
  if (typeof record === "string") return record;
  return record.words ?? "held; see the scorecard";
}

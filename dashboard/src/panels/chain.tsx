// The chain: drag the price and see what would be force-closed on the way, and what that sets off.
import { useEffect, useRef, useState } from "preact/hooks";

import type { Cascade, Domino, WhatIf } from "../api/answers";
import { formatPrice, formatProbability, formatSignedPercent, formatUsd, tickNear } from "../model/format";
import { curveOf, falls, standingAt, type Fall } from "../model/standing";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { ChainPicture } from "./chain_picture";
import { Answer, AsOf, Empty } from "./state";

/** So far the handle goes either way. [%] */
export const REACH_PCT = 15;
const SCENARIOS = 500;
const SETTLED_MS = 600;

export function ChainPanel({ store }: { store: Store }) {
  const [movePct, setMove] = useState(0);
  const market = `${store.view.value.venue} ${store.view.value.symbol}`;
  useEffect(() => setMove(0), [market]);
  const up = useAnswer<WhatIf>(store, "whatif", { move: `+${REACH_PCT}%` }, { slot: "whatif up" });
  const down = useAnswer<WhatIf>(store, "whatif", { move: `-${REACH_PCT}%` }, { slot: "whatif down" });
  const cascade = useAnswer<Cascade>(store, "cascade", { scenarios: SCENARIOS });
  const { at, zone } = store.view.value;
  return (
    <Answer held={down} what="the chain">
      {(below) => {
        if (up.value === null) return <p class="muted">Reading what stands above…</p>;
        const mark = below.mark_price;
        const tick = store.market.value?.tick_size ?? tickNear(mark);
        const curves = { long: curveOf(below), short: curveOf(up.value) };
        const live = at === null ? store.live.value?.cascade?.answer : null;
        const told = live ?? cascade.value;
        const dominoes = told?.dominoes ?? [];
        const way = movePct < 0 ? "long" : "short";
        const atMark = movePct === 0;
        // At the mark both ways, the nearest first; then the way that price is dragged.
        const away = (one: Domino): number => Math.abs(Math.log(one.trigger_price / mark));
        const own = atMark
          ? [...dominoes].sort((a, b) => away(a) - away(b))
          : dominoes.filter((one) => one.side === way);
        const fallen = atMark ? own.map(() => "stands" as const) : falls(own, mark, movePct);
        return (
          <>
            <AsOf at={below.at} wanted={at} zone={zone} />
            <Readout mark={mark} movePct={movePct} tick={tick} curves={curves} />
            <ChainPicture
              mark={mark}
              tick={tick}
              movePct={movePct}
              curves={curves}
              dominoes={dominoes}
              onMove={setMove}
            />
            <Held held={cascade}>
              <DominoList dominoes={own} fallen={fallen} tick={tick} mark={mark} onMove={setMove} />
            </Held>
            <Onward store={store} movePct={movePct} mark={mark} tick={tick} />
          </>
        );
      }}
    </Answer>
  );
}

function Held({ held, children }: { held: { value: unknown; error: Error | null }; children: preact.ComponentChildren }) {
  if (held.error && held.value === null) return <p class="failure">{held.error.message}</p>;
  if (held.value === null) return <p class="muted">Drawing scenarios of what would fall next, some seconds…</p>;
  return <>{children}</>;
}

interface ReadoutProps {
  mark: number;
  movePct: number;
  tick: number;
  curves: Record<"long" | "short", ReturnType<typeof curveOf>>;
}

function Readout({ mark, movePct, tick, curves }: ReadoutProps) {
  const side = movePct < 0 ? "long" : "short";
  const total = standingAt(curves[side], movePct);
  return (
    <div class="readout" aria-live="polite">
      <div>
        <b class="big">{formatPrice(mark * (1 + movePct / 100), tick)}</b>
        <span class={movePct < 0 ? "falls" : movePct > 0 ? "rises" : "muted"}>
          {movePct === 0 ? "the mark" : formatSignedPercent(movePct)}
        </span>
      </div>
      {movePct === 0 ? (
        <p class="muted">Drag the handle, or use the arrow keys.</p>
      ) : (
        <p>
          <b class={side === "long" ? "falls" : "rises"}>{formatUsd(total.usd)}</b> of {side}s est. if
          touched <span class="muted">({formatUsd(total.low)}–{formatUsd(total.high)})</span>
        </p>
      )}
    </div>
  );
}

interface ListProps {
  dominoes: readonly Domino[];
  fallen: readonly Fall[];
  tick: number;
  mark: number;
  onMove: (pct: number) => void;
}

const WORDS: Record<Fall, string> = { stands: "stands", fallen: "reached", pushed: "set off" };

function DominoList({ dominoes, fallen, tick, mark, onMove }: ListProps) {
  if (dominoes.length === 0) {
    return (
      <Empty>
        <p>No cluster stands this way within reach.</p>
      </Empty>
    );
  }
  return (
    <ol class="dominoes">
      {dominoes.map((one, place) => {
        const state = fallen[place]!;
        const pct = 100 * (one.trigger_price / mark - 1);
        return (
          <li key={one.trigger_price} class={`domino ${state} ${one.side}`}>
            <button type="button" onClick={() => onMove(pct)} title="Move the price here">
              <i class="tile" aria-hidden="true" />
              <span>
                <b>{formatPrice(one.trigger_price, tick)}</b> <em>{formatSignedPercent(pct)}</em>
              </span>
              <span class="number">
                {formatUsd(one.notional_usd.usd)}
                <small>
                  {formatUsd(one.notional_usd.low)}–{formatUsd(one.notional_usd.high)}
                </small>
              </span>
              <span class="state">{WORDS[state]}</span>
            </button>
            <p class="small muted">
              own flow moves price {one.slippage_pct === null ? "–" : `${one.slippage_pct.toFixed(2)} %`}
              {one.gap_to_next_pct === null
                ? ", none behind it"
                : `, next ${Math.abs(one.gap_to_next_pct).toFixed(2)} % on: ${one.absorbed ? "absorbed" : "goes on"}`}
              {one.p_reach && (
                <>
                  {" · "}reached in 4 h {formatProbability(one.p_reach.value)} (volatility alone{" "}
                  {formatProbability(one.p_reach_volatility_only?.value ?? null)})
                </>
              )}
            </p>
          </li>
        );
      })}
    </ol>
  );
}

interface OnwardProps {
  store: Store;
  movePct: number;
  mark: number;
  tick: number;
}

/** Once the handle rests: the scenarios that begin there. */
function Onward({ store, movePct, mark, tick }: OnwardProps) {
  const [rested, setRested] = useState(movePct);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setRested(movePct), SETTLED_MS);
    return () => clearTimeout(timer.current);
  }, [movePct]);
  const held = useAnswer<Cascade>(
    store,
    "cascade",
    { shock: `${rested.toFixed(2)}%`, scenarios: SCENARIOS },
    { slot: "cascade from here", when: rested !== 0 },
  );
  if (movePct === 0) return null;
  const way = movePct < 0 ? "down" : "up";
  const told = rested === movePct ? held.value : null;
  const bands = told?.bands[way];
  const end = told?.end_price[way]?.furthest;
  return (
    <div class="onward" aria-busy={held.loading}>
      <h3>From there, within 4 h</h3>
      {!told || held.loading ? (
        <p class="muted">{held.error ? held.error.message : "Drawing scenarios from this price…"}</p>
      ) : (
        <dl class="figures">
          <div>
            <dt>Forced, middle</dt>
            <dd>{formatUsd(bands?.forced_usd.middle ?? null)}</dd>
            <small>{bands ? `${formatUsd(bands.forced_usd.low)}–${formatUsd(bands.forced_usd.high)}` : ""}</small>
          </div>
          <div>
            <dt>Furthest price</dt>
            <dd>{formatPrice(end?.middle ?? null, tick)}</dd>
            <small>{end ? `${formatPrice(end.low, tick)}–${formatPrice(end.high, tick)}` : "no scenario hit a cluster"}</small>
          </div>
          <div>
            <dt>Amplified</dt>
            <dd>{bands?.amplification ? `${bands.amplification.middle.toFixed(2)}×` : "–"}</dd>
            <small>{bands?.amplification ? `${bands.amplification.low.toFixed(2)}–${bands.amplification.high.toFixed(2)}×` : ""}</small>
          </div>
        </dl>
      )}
      <p class="muted small">structural, uncalibrated; {SCENARIOS} scenarios{told ? `; mark ${formatPrice(mark, tick)}` : ""}</p>
    </div>
  );
}

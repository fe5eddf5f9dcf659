// Chances of a cascade beginning, each beside its baseline and its record; sizes beside theirs.
import { useState } from "preact/hooks";

import { ApiError } from "../api/client";
import type { Forecast, ForecastChance, ForecastSize } from "../api/answers";
import { formatProbability, formatTime, formatUsd } from "../model/format";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, AsOf, Empty, Remedy } from "./state";
import { Reliability } from "./reliability";

export function ForecastPanel({ store }: { store: Store }) {
  const held = useAnswer<Forecast>(store, "forecast", {}, { model: false });
  const { at, zone } = store.view.value;
  const live = at === null ? store.live.value?.forecast?.answer : null;
  if (!live && held.value === null && held.error instanceof ApiError && held.error.status === 404) {
    return (
      <Empty>
        <p>No forecast model here.</p>
        <p class="muted">
          One is trained on the past of this lake; the map, the signals and the chain need none.
        </p>
        <Remedy text={held.error.hint ?? "forcedflow train forecast"} />
      </Empty>
    );
  }
  return (
    <Answer held={live ? { ...held, value: live, error: null } : held} what="the forecast">
      {(told) => (
        <>
          <OverTime store={store} />
          <Told told={told} wanted={at} zone={zone} />
        </>
      )}
    </Answer>
  );
}

/** What was told at every hour, beneath the chart. */
function OverTime({ store }: { store: Store }) {
  const { panes } = store.view.value;
  const isDrawn = panes.includes("forecast_chance");
  const toggle = (): void => {
    const others = panes.filter((one) => one !== "forecast_chance" && one !== "forecast_size");
    store.look({ panes: isDrawn ? others : [...others, "forecast_chance", "forecast_size"] });
  };
  return (
    <label class="check over-time">
      <input type="checkbox" checked={isDrawn} onChange={toggle} />
      Draw what was told over time beneath the chart
    </label>
  );
}

const EVENTS: Record<string, string> = { C1: "By liquidations", C2: "By σ of an hour", "C2 absolute": "By percent" };

function Told({ told, wanted, zone }: { told: Forecast; wanted: number | null; zone: string }) {
  const events = [...new Set(told.chances.map((one) => one.event))];
  const [chosen, setChosen] = useState({ event: events[0] ?? "", direction: "down", horizon: 24 });
  const event = events.includes(chosen.event) ? chosen.event : (events[0] ?? "");
  const own = told.chances.filter((one) => one.event === event);
  const horizons = [...new Set(own.map((one) => one.horizon_h))];
  const directions = [...new Set(own.map((one) => one.direction))];
  const most = Math.max(0.02, ...own.map((one) => Math.max(one.high ?? 0, one.climatology ?? 0)));
  const chance = own.find(
    (one) => one.direction === chosen.direction && one.horizon_h === chosen.horizon,
  );
  return (
    <>
      <AsOf at={told.at} wanted={wanted} zone={zone} />
      <p class="headline">{[told.headline].flat().join(" ")}</p>
      {events.length > 1 && (
        <div class="chips" role="group" aria-label="Event">
          {events.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === event}
              onClick={() => setChosen({ ...chosen, event: one })}
            >
              {EVENTS[one] ?? one}
            </button>
          ))}
        </div>
      )}
      <p class="muted small">{own[0]?.event_words}</p>
      <table class="chances">
        <caption class="hidden">Chances by horizon and direction</caption>
        <thead>
          <tr>
            <th scope="col">within</th>
            {directions.map((one) => (
              <th key={one} scope="col">{one}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {horizons.map((hours) => (
            <tr key={hours}>
              <th scope="row">{hours} h</th>
              {directions.map((direction) => {
                const one = own.find((c) => c.horizon_h === hours && c.direction === direction);
                return (
                  <td key={direction}>
                    {one && (
                      <ChanceBar
                        chance={one}
                        most={most}
                        chosen={one === chance}
                        onChoose={() => setChosen({ event, direction, horizon: hours })}
                      />
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="legend">
        <i class="bar" /> shown <i class="range" /> ours, 80 % <i class="tick" /> hour of the week
      </p>
      {chance && <Reasons chance={chance} zone={zone} />}
      <Sizes sizes={told.sizes} />
      {told.tomorrow && (
        <p class="line">
          <span class="muted">Day {told.tomorrow.day}</span>
          <b>{formatProbability(told.tomorrow.probability)}</b>
          <span class="muted">baseline {formatProbability(told.tomorrow.baseline)}</span>
        </p>
      )}
      {Object.entries(told.missing).map(([what, why]) => (
        <p key={what} class="muted small">{what}: {why}</p>
      ))}
      <details class="how">
        <summary>
          Model of {told.model.fit_to.slice(0, 10)}
          {told.model.fit_age_days !== null && `, ${told.model.fit_age_days.toFixed(0)} days old`}
        </summary>
        <ul>
          {told.model.card.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </details>
    </>
  );
}

interface BarProps {
  chance: ForecastChance;
  most: number;
  chosen: boolean;
  onChoose: () => void;
}

function ChanceBar({ chance, most, chosen, onChoose }: BarProps) {
  const share = (value: number | null): string => `${(100 * Math.min(value ?? 0, most)) / most}%`;
  const { shown, low, high, climatology, direction, horizon_h, shown_is } = chance;
  return (
    <button
      type="button"
      class={`chance ${direction === "down" ? "long" : "short"}`}
      aria-pressed={chosen}
      aria-label={`${direction} within ${horizon_h} h: ${formatProbability(shown)}, from ${shown_is}; hour of the week ${formatProbability(climatology)}`}
      onClick={onChoose}
    >
      <span>{formatProbability(shown)}</span>
      <i class="chance-bar">
        <i class="bar" style={{ width: share(shown) }} />
        {low !== null && high !== null && (
          <i class="range" style={{ left: share(low), width: `calc(${share(high)} - ${share(low)})` }} />
        )}
        <i class="tick" style={{ left: share(climatology) }} />
      </i>
    </button>
  );
}

function Reasons({ chance, zone }: { chance: ForecastChance; zone: string }) {
  const { record, standing } = chance;
  return (
    <section class="reasons">
      <h3>
        {chance.direction === "down" ? "Down" : "Up"} within {chance.horizon_h} h
      </h3>
      <dl class="figures">
        <div>
          <dt>Ours</dt>
          <dd>{formatProbability(chance.probability)}</dd>
          <small>{formatProbability(chance.low)}–{formatProbability(chance.high)}</small>
        </div>
        <div>
          <dt>Hour of week</dt>
          <dd>{formatProbability(chance.climatology)}</dd>
        </div>
        <div>
          <dt>Volatility</dt>
          <dd>{formatProbability(chance.volatility)}</dd>
        </div>
      </dl>
      <p class="small">
        Shown: <b>{chance.shown_is === "climatology" ? "the hour of the week" : chance.shown_is}</b>
        {!standing.holds && <span class="muted"> ({standing.why})</span>}
      </p>
      <p class="small muted">Drivers: {[chance.driver_words].flat().join(", ") || "none"}</p>
      <p class="small">{[chance.record_words].flat().join(" ")}</p>
      {record && record.reliability.length > 0 && (
        <>
          <Reliability points={record.reliability} />
          <p class="muted small">
            {record.hours.toLocaleString("en-US")} hours,{" "}
            {formatTime(Date.parse(record.from), zone).slice(0, 10)} to{" "}
            {formatTime(Date.parse(record.to), zone).slice(0, 10)}; base rate{" "}
            {formatProbability(record.base_rate)}
            {record.gain_bits_over_climatology !== null &&
              `; ${record.gain_bits_over_climatology.toFixed(4)} bits over the hour of the week`}
          </p>
        </>
      )}
    </section>
  );
}

function Sizes({ sizes }: { sizes: readonly ForecastSize[] }) {
  const [hours, setHours] = useState(sizes[0]?.horizon_h ?? 1);
  const horizons = [...new Set(sizes.map((one) => one.horizon_h))];
  const own = sizes.filter((one) => one.horizon_h === hours);
  if (own.length === 0) return null;
  return (
    <section class="sizes">
      <h3>
        Liquidations within
        <span class="chips" role="group" aria-label="Horizon">
          {horizons.map((one) => (
            <button key={one} type="button" aria-pressed={one === hours} onClick={() => setHours(one)}>
              {one} h
            </button>
          ))}
        </span>
      </h3>
      <table>
        <caption class="hidden">Quantiles of liquidations</caption>
        <thead>
          <tr><th scope="col">side</th><th scope="col">5 %</th><th scope="col">middle</th><th scope="col">95 %</th></tr>
        </thead>
        <tbody>
          {own.map((one) => (
            <tr key={one.side}>
              <th scope="row" class={one.side === "long" ? "falls" : "rises"}>{one.side}s</th>
              {["0.05", "0.5", "0.95"].map((level) => (
                <td key={level} class="number">
                  {formatUsd(one.quantiles_usd[level] ?? null)}
                  <small>{formatUsd(one.baseline_quantiles_usd?.[level] ?? null)}</small>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="muted small">beneath, small: the baseline of volatility and past liquidations</p>
    </section>
  );
}

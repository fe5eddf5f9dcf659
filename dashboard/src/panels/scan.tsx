// Every market side by side, ranked; a row opens the market on the chart.
import { useState } from "preact/hooks";

import type { Scan } from "../api/answers";
import { formatAge, formatPrice, tickNear } from "../model/format";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, Empty } from "./state";

const RANKINGS = [
  ["loading", "Signals at risk"],
  ["zone", "Nearest cluster"],
  ["crowding", "Crowding"],
] as const;

export function ScanPage({ store }: { store: Store }) {
  const [by, setBy] = useState<string>("loading");
  const { venue } = store.view.value;
  const held = useAnswer<Scan>(store, "scan", { by, venue }, { of: "moment" });
  return (
    <section class="page">
      <div class="page-head">
        <h1>Scan</h1>
        <div class="chips" role="group" aria-label="Ranked by">
          {RANKINGS.map(([name, title]) => (
            <button key={name} type="button" aria-pressed={by === name} onClick={() => setBy(name)}>
              {title}
            </button>
          ))}
        </div>
      </div>
      <Answer held={held} what="every market of this venue: some seconds each">
        {(told) =>
          told.markets.length === 0 ? (
            <Empty><p>No market of {venue} can be judged at this moment.</p></Empty>
          ) : (
            <div class="scroll">
              <table class="wide-table">
                <thead>
                  <tr>
                    <th scope="col">Market</th>
                    <th scope="col" class="number">Price</th>
                    <th scope="col" title="weight of the signals on that point down, of 100">At risk down</th>
                    <th scope="col" title="weight of the signals on that point up, of 100">At risk up</th>
                    <th scope="col" class="number" title="open interest against a price that stands still, 0 to 100 of the last 30 days">OI pressure</th>
                    <th scope="col" class="number" title="who pays funding, and its size as a rank of the last 30 days">Crowding</th>
                    <th scope="col">Signals on</th>
                    <th scope="col" class="number">Data</th>
                  </tr>
                </thead>
                <tbody>
                  {told.markets.map((one) => (
                    <tr key={one.symbol}>
                      <th scope="row">
                        <button
                          type="button"
                          class="link"
                          onClick={() => {
                            store.look({ venue: one.venue, symbol: one.symbol });
                            store.open({ page: "chart", panel: "signals" });
                          }}
                        >
                          {one.symbol}
                        </button>
                      </th>
                      <td class="number">{formatPrice(one.price, tickNear(one.price ?? 0))}</td>
                      <td><Bar value={one.loading.down} side="long" /></td>
                      <td><Bar value={one.loading.up} side="short" /></td>
                      <td class="number">{one.pressure_gauge?.toFixed(0) ?? "–"}</td>
                      <td class="number">{crowdingWords(one.crowding)}</td>
                      <td>{titles(one.loading.on) || <span class="muted">none</span>}</td>
                      <td class="number muted">{formatAge(one.freshness.age_s ?? null)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Answer>
      {held.value && held.value.left_out.length > 0 && (
        <details class="how">
          <summary>{held.value.left_out.length} left out</summary>
          <ul>
            {held.value.left_out.map((one) => (
              <li key={JSON.stringify(one)}>{leftOut(one)}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function crowdingWords(value: number | null): string {
  if (value === null) return "–";
  return `${value < 0 ? "shorts" : "longs"} ${(100 * Math.abs(value)).toFixed(0)}`;
}

function titles(names: readonly string[]): string {
  return names.map((one) => one.replaceAll("_", " ")).join(", ");
}

function leftOut(one: Scan["left_out"][number]): string {
  if (typeof one === "string") return one;
  return Object.values(one).filter((part) => typeof part === "string").join(": ");
}

function Bar({ value, side }: { value: number | null; side: "long" | "short" }) {
  return (
    <span class={`cell-bar ${side}`}>
      <i style={{ width: `${value ?? 0}%` }} />
      <b>{value === null ? "–" : value.toFixed(0)}</b>
    </span>
  );
}

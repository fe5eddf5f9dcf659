// How current every source is, and what the lake holds with its gaps.
import type { Coverage } from "../api/answers";
import { formatAge, formatTime } from "../model/format";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, Empty } from "./state";

export function DataPage({ store }: { store: Store }) {
  const { zone, venue } = store.view.value;
  const base = store.market.value?.base ?? null;
  const coverage = useAnswer<Coverage>(store, "coverage", { symbols: base, venue }, { of: "lake", when: base !== null });
  const health = store.health.value;
  const late = store.live.value?.freshness;
  return (
    <section class="page">
      <div class="page-head">
        <h1>Data</h1>
        <p class="muted">
          {health.value
            ? `Server ${health.value.version}, ${health.value.live ? "markets are followed" : "nothing is followed: what is stored is shown"}.`
            : "The server has not answered yet."}
        </p>
      </div>
      <div class="cards">
        <article class="card">
          <h2>Sources</h2>
          <Answer held={health} what="how current the sources are">
            {(told) =>
              told.sources.length === 0 ? (
                <Empty>
                  <p>The lake is empty.</p>
                  <code class="remedy">forcedflow fetch binance BTC --from 30d</code>
                </Empty>
              ) : (
                <table>
                  <caption class="hidden">Sources</caption>
                  <tbody>
                    {told.sources.map((one) => (
                      <tr key={one.market}>
                        <th scope="row">{one.market}</th>
                        <td><span class={`badge ${one.badge.toLowerCase()}`}>{one.badge}</span></td>
                        <td class="number muted">{one.age_s !== null && one.age_s < 0 ? "current" : formatAge(one.age_s)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )
            }
          </Answer>
          {late && late.late.length > 0 && <p class="failure">Late: {late.late.join(", ")}</p>}
        </article>
        <article class="card span">
          <h2>Held of {base ?? "this market"}</h2>
          <Answer held={coverage} what="what is held">
            {(told) => (
              <div class="scroll">
                <table class="wide-table">
                  <thead>
                    <tr>
                      <th scope="col">Table</th><th scope="col">Symbol</th><th scope="col" class="number">Rows</th>
                      <th scope="col">From</th><th scope="col">To</th><th scope="col" class="number">Gaps</th><th scope="col">Complete</th>
                    </tr>
                  </thead>
                  <tbody>
                    {told.tables.map((one) => (
                      <tr key={JSON.stringify(one)}>
                        <th scope="row">{one.table}{one.price_type ? `, ${one.price_type}` : ""}</th>
                        <td>{one.symbol}</td>
                        <td class="number">{one.rows.toLocaleString("en-US")}</td>
                        <td>{when(one.first_event_time, zone)}</td>
                        <td>{when(one.last_event_time, zone)}</td>
                        <td class={one.gap_count ? "number falls" : "number muted"}>{one.gap_count ?? "–"}</td>
                        <td class="muted">{one.completeness ?? "–"}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </Answer>
        </article>
      </div>
    </section>
  );
}

function when(time: string | null, zone: string): string {
  return time === null ? "–" : formatTime(Date.parse(time), zone);
}

// What fired and how far it has come, which rules are watched, and what the venue printed since.
import type { Alert, Alerts } from "../api/answers";
import { formatPrice, formatTime, formatUsd, tickNear } from "../model/format";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, Empty } from "./state";

const RULE = `[targets.phone]
kind = "apprise"
url_env = "MY_ALERT_URL"

[[rules]]
name = "big cluster near"
kind = "cluster_near"
least_usd = 5e6
within_pct = 1
targets = ["phone"]`;
const LISTED = 100;

/** What is listed and what the stream told since, each once, newest first, none from after a moment. */
export function joined(
  listed: readonly Alert[],
  told: readonly Alert[],
  at: number | null,
): Alert[] {
  const known = new Set(listed.map((one) => one.key));
  return [...told.filter((one) => !known.has(one.key)), ...listed]
    .filter((one) => at === null || Date.parse(one.at) <= at)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

export function AlertsPanel({ store }: { store: Store }) {
  const held = useAnswer<Alerts>(store, "alerts", { limit: LISTED }, { of: "moment" });
  const { at } = store.view.value;
  return (
    <div class="alerts">
      <Answer held={held} what="alerts">
        {(told) => <Told told={told} store={store} />}
      </Answer>
      {at === null && <Tape store={store} />}
      <details class="how">
        <summary>A rule to begin with</summary>
        <p class="muted">
          In <code>~/.config/forcedflow/alerts.toml</code>; <code>forcedflow up BTC --rules FILE</code>{" "}
          watches it beside this page.
        </p>
        <pre>{RULE}</pre>
        <p class="muted">
          Try it on the past first:{" "}
          <code>forcedflow alerts run BTC --from 2026-02-05T12:00Z --to 2026-02-06</code>
        </p>
      </details>
    </div>
  );
}

function Told({ told, store }: { told: Alerts; store: Store }) {
  const { at, zone } = store.view.value;
  const shown = joined(told.alerts, store.alerts.value, at);
  const disabled = Object.entries(told.outbox.disabled);
  return (
    <>
      <p class="small muted">
        {told.watched
          ? `Watched beside this page: ${told.rules.map((rule) => rule.name).join(", ") || "no rule"}`
          : "No rules are watched beside this page; what others wrote into this lake is listed."}
      </p>
      {disabled.map(([name, since]) => (
        <p key={name} class="small falls">
          {name} is switched off since {formatTime(Date.parse(since), zone)}: its deliveries failed.
        </p>
      ))}
      {shown.length === 0 ? (
        <Empty>
          <p>{at === null ? "Nothing has fired." : "Nothing had fired by then."}</p>
        </Empty>
      ) : (
        <ul class="events" aria-live="polite">
          {shown.map((one) => (
            <li key={one.key} class="event">
              <div>
                <b class={one.direction === "down" ? "falls" : one.direction === "up" ? "rises" : ""}>
                  {one.title}
                </b>
                <span class="muted">{formatTime(Date.parse(one.at), zone)}</span>
              </div>
              <p class="small words">{one.text}</p>
              <p class="small muted">{wayOf(one)}</p>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** By which rule, of which market, and what became of it. */
function wayOf(one: Alert): string {
  const sent = Object.entries(one.deliveries ?? {}).map(
    ([name, { state, attempts, problem }]) =>
      `${name} ${state}${attempts > 1 ? ` after ${attempts} attempts` : ""}${problem ? ` (${problem})` : ""}`,
  );
  const came = one.suppressed ? [`not sent: ${one.suppressed}`] : sent;
  return [one.rule, `${one.symbol} ${one.venue}`, ...came].join(" · ");
}

/** Only while the present is looked at: what comes now was not known in the past. */
function Tape({ store }: { store: Store }) {
  const { zone } = store.view.value;
  const prints = store.prints.value;
  if (prints.length === 0) return null;
  return (
    <section>
      <h3>Printed liquidations, since this page was opened</h3>
      <table class="tape">
        <caption class="hidden">Liquidations that the venue printed</caption>
        <tbody>
          {prints.map((one, i) => (
            <tr key={`${one.at} ${one.price} ${i}`}>
              <td class="muted">{formatTime(Date.parse(one.at), zone).slice(11)}</td>
              <td class={one.side === "long" ? "falls" : "rises"}>{one.side}</td>
              <td class="number">{formatPrice(one.price, store.market.value?.tick_size ?? tickNear(one.price))}</td>
              <td class="number">{formatUsd(one.notional_usd)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

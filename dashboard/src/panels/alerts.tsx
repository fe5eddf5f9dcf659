// Alerts as the stream tells them, and how rules are set.
import { formatPrice, formatTime, tickNear } from "../model/format";
import type { Store } from "../store/store";
import { Empty } from "./state";

const RULE = `[targets.phone]
kind = "apprise"
url_env = "MY_ALERT_URL"

[[rules]]
name = "big cluster near"
kind = "cluster_near"
least_usd = 5e6
within_pct = 1
targets = ["phone"]`;

export function AlertsPanel({ store }: { store: Store }) {
  const alerts = store.alerts.value;
  const { zone } = store.view.value;
  return (
    <div class="alerts">
      {alerts.length === 0 ? (
        <Empty>
          <p>No alert since this page was opened.</p>
          <p class="muted">
            Rules are a file of yours, <code>~/.config/forcedflow/alerts.toml</code>; what fires goes
            to your phone, chat or script by <code>forcedflow alerts run BTC</code>.
          </p>
        </Empty>
      ) : (
        <ul class="events" aria-live="polite">
          {alerts.map((one) => (
            <li key={`${one.key} ${one.at}`} class="event">
              <div>
                <b>{one.title}</b>
                <span class="muted">{formatTime(Date.parse(one.at), zone)}</span>
              </div>
              <p>{one.text}</p>
              {one.price !== null && (
                <span class="muted">{formatPrice(one.price, tickNear(one.price))}</span>
              )}
            </li>
          ))}
        </ul>
      )}
      <details class="how">
        <summary>A rule to begin with</summary>
        <pre>{RULE}</pre>
        <p class="muted">
          Try it on the past first:{" "}
          <code>forcedflow alerts run BTC --from 2026-02-05T12:00Z --to 2026-02-06</code>
        </p>
      </details>
    </div>
  );
}

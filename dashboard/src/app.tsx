// The shell: header, chart or page, panels, time machine, and what must always be seen.
import { useEffect, useRef } from "preact/hooks";

import { mountChart } from "./chart/chart";
import { AlertsPanel } from "./panels/alerts";
import { CalendarPanel } from "./panels/calendar";
import { ChainPanel } from "./panels/chain";
import { ChecklistPanel } from "./panels/checklist";
import { DataPage } from "./panels/data_health";
import { ForecastPanel } from "./panels/forecast";
import { Header } from "./panels/header";
import { ScanPage } from "./panels/scan";
import { ScorecardPage } from "./panels/scorecard";
import { SignalsPanel } from "./panels/signals";
import { Empty, Failure } from "./panels/state";
import { TimeMachine } from "./panels/time_machine";
import { PANELS, type PanelName } from "./store/desk";
import type { Store } from "./store/store";

const PANEL_TITLES: Record<PanelName, string> = {
  signals: "Signals",
  chain: "Chain",
  forecast: "Forecast",
  checklist: "Checklist",
  calendar: "Calendar",
  alerts: "Alerts",
};

const PANEL_VIEWS = {
  signals: SignalsPanel,
  chain: ChainPanel,
  forecast: ForecastPanel,
  checklist: ChecklistPanel,
  calendar: CalendarPanel,
  alerts: AlertsPanel,
} as const;

export function App({ store }: { store: Store }) {
  const { theme } = store.view.value;
  const { page } = store.desk.value;
  const replayed = store.badge.value === "REPLAY";
  const simulated = store.market.value?.simulated ?? false;
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  useTitle(store);
  useKeys(store);
  const markets = store.markets.value;
  return (
    <div class={`shell ${replayed ? "is-replay" : ""} ${simulated ? "is-simulated" : ""}`}>
      <Header store={store} />
      {markets.error && markets.value === null ? (
        <main class="page"><Failure error={markets.error} /></main>
      ) : markets.value !== null && !markets.value.markets.some((one) => one.map) ? (
        <main class="page"><NothingHeld /></main>
      ) : (
        <main class={`desk page-${page}`}>
          <div class="stage" hidden={page !== "chart"}>
            <Chart store={store} />
          </div>
          {page === "chart" && <Rail store={store} />}
          {page === "scan" && <ScanPage store={store} />}
          {page === "scorecard" && <ScorecardPage store={store} />}
          {page === "data" && <DataPage store={store} />}
        </main>
      )}
      <TimeMachine store={store} />
      <Footer store={store} />
      {store.said.value && <div class="said" role="status">{store.said.value}</div>}
    </div>
  );
}

function Chart({ store }: { store: Store }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => mountChart(place.current!, store), [store]);
  return <div class="chart-place" ref={place} />;
}

function Rail({ store }: { store: Store }) {
  const { panel } = store.desk.value;
  const View = PANEL_VIEWS[panel];
  const unread = store.alerts.value.length;
  return (
    <aside class="rail" aria-label="Panels">
      <div class="tabs" role="tablist" aria-label="Panels">
        {PANELS.map((one, place) => (
          <button
            key={one}
            type="button"
            role="tab"
            id={`tab-${one}`}
            aria-controls="panel"
            aria-selected={one === panel}
            tabIndex={one === panel ? 0 : -1}
            onClick={() => store.open({ panel: one })}
            onKeyDown={(event) => {
              const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
              if (step === undefined) return;
              event.preventDefault();
              const next = PANELS[(place + step + PANELS.length) % PANELS.length]!;
              store.open({ panel: next });
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            {PANEL_TITLES[one]}
            {one === "alerts" && unread > 0 && <span class="count">{unread}</span>}
          </button>
        ))}
      </div>
      <div class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${panel}`} tabIndex={0}>
        <View store={store} />
      </div>
    </aside>
  );
}

function NothingHeld() {
  return (
    <Empty>
      <h1>Nothing to draw yet</h1>
      <p>A map needs open interest and bars of a contract. Fetch a month of them:</p>
      <code class="remedy">forcedflow fetch binance BTC --from 30d</code>
      <p class="muted">or look at a simulated market: forcedflow demo</p>
    </Empty>
  );
}

function Footer({ store }: { store: Store }) {
  const zones = store.zones.value.value;
  const { model, calibrated } = (zones?.assumptions ?? {}) as { model?: string; calibrated?: boolean };
  return (
    <footer class="footer">
      <b>Estimates, not advice.</b>
      <span>Not reported by an exchange; if touched, not a forecast that it is.</span>
      {model && <span class="wide">Map: {calibrated ? model : "stated prior, not calibrated"}</span>}
    </footer>
  );
}

function useTitle(store: Store): void {
  const { symbol } = store.view.value;
  const badge = store.badge.value;
  const simulated = store.market.value?.simulated ? "SIMULATED " : "";
  useEffect(() => {
    document.title = symbol ? `${simulated}${symbol} ${badge} · forcedflow` : "forcedflow";
  }, [symbol, badge, simulated]);
}

/** Space plays the past, as on any player; digits choose a panel. */
function useKeys(store: Store): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (target.closest("input, select, textarea, button, a, summary, [role=slider]")) return;
      if (event.key === " ") {
        event.preventDefault();
        store.replay.toggle();
      }
      const panel = PANELS[Number(event.key) - 1];
      if (panel) store.open({ page: "chart", panel });
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [store]);
}

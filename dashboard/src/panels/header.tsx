// The bar on top: market, price, how fresh it is, pages, layouts, zone, theme.
import { formatAge, formatPrice, formatSignedPercent, formatTime, tickNear } from "../model/format";
import { PAGES, type Page } from "../store/desk";
import { dropLayout, layouts, layoutsProblem, saveLayout } from "../store/layouts";
import type { Store } from "../store/store";
import { Chevron, MarketPicker } from "./market_picker";
import { Menu } from "./menu";
import { ZoneMenu } from "./zone_menu";

const TITLES: Record<Page, string> = {
  chart: "Chart",
  scan: "Scan",
  scorecard: "Scorecard",
  data: "Data",
};

export function Header({ store }: { store: Store }) {
  const { page } = store.desk.value;
  const { theme } = store.view.value;
  return (
    <header class="header">
      <a class="brand" href="#" onClick={(event) => event.preventDefault()} aria-label="forcedflow">
        <Mark />
        <span>forcedflow</span>
      </a>
      <MarketPicker store={store} />
      <Quote store={store} />
      <Freshness store={store} />
      <nav class="pages" aria-label="Pages">
        {PAGES.map((one) => (
          <button
            key={one}
            type="button"
            aria-current={page === one ? "page" : undefined}
            onClick={() => store.open({ page: one })}
          >
            {TITLES[one]}
          </button>
        ))}
      </nav>
      <div class="header-end">
        <PlaybookMenu store={store} />
        <LayoutMenu store={store} />
        <ZoneMenu store={store} />
        <button
          type="button"
          class="button icon"
          aria-label={theme === "dark" ? "Light colours" : "Dark colours"}
          title={theme === "dark" ? "Light colours" : "Dark colours"}
          onClick={() => store.look({ theme: theme === "dark" ? "light" : "dark" })}
        >
          {theme === "dark" ? <Sun /> : <Moon />}
        </button>
      </div>
    </header>
  );
}

function Quote({ store }: { store: Store }) {
  const live = store.view.value.at === null ? store.live.value : null;
  const mark = live?.mark_price ?? store.zones.value.value?.mark_price ?? null;
  const heat = store.heat.value.value;
  const tick = store.market.value?.tick_size ?? tickNear(mark ?? 0);
  const day = heat && mark !== null ? dayAgo(heat.startMs, heat.header.candles.close) : null;
  const change = day === null || mark === null ? null : 100 * (mark / day - 1);
  return (
    <div class="quote" title="Mark price, and its change in 24 h">
      <b>{formatPrice(mark, tick)}</b>
      <span class={change === null ? "" : change < 0 ? "falls" : "rises"}>
        {formatSignedPercent(change)}
      </span>
    </div>
  );
}

function dayAgo(startMs: readonly number[], close: readonly number[]): number | null {
  const last = startMs[startMs.length - 1];
  if (last === undefined) return null;
  const then = last - 86_400_000;
  const place = startMs.findIndex((ms) => ms >= then);
  const stepMs = last - (startMs[startMs.length - 2] ?? last);
  // A shorter span knows nothing of the day before; one of a day begins with it.
  const isKnown = place >= 0 && startMs[place]! - then <= 2 * stepMs;
  return isKnown ? (close[place] ?? null) : null;
}

/** What the badge means, in a sentence. */
const MEANS = {
  LIVE: "Every source is followed and current",
  PARTIAL: "A source is missing",
  STALE: "A source is late",
  REPLAY: "A past moment: only what was known then",
  STORED: "Nothing is followed: the newest that is stored",
} as const;

function Freshness({ store }: { store: Store }) {
  const badge = store.badge.value;
  const { at, zone } = store.view.value;
  const simulated = store.market.value?.simulated ?? false;
  const age = ageOf(store);
  const late = store.live.value?.freshness.late ?? [];
  const lost = store.connection.value === "lost";
  return (
    <div class="freshness" role="status">
      {simulated && <span class="badge simulated">SIMULATED</span>}
      <span class={`badge ${badge.toLowerCase()}`} title={MEANS[badge]}>
        {badge}
      </span>
      <span class="age" title={late.length > 0 ? `late: ${late.join(", ")}` : "age of the data"}>
        {at !== null
          ? formatTime(at, zone)
          : lost
            ? "connection lost, trying again"
            : age === null
              ? "age unknown"
              : `data ${formatAge(age)} old`}
      </span>
    </div>
  );
}

/** Age of the newest input, grown by the time since it was told. [s] */
function ageOf(store: Store): number | null {
  const live = store.live.value;
  const held = store.zones.value;
  const told = live?.freshness.age_s ?? held.value?.freshness.age_s ?? null;
  if (told === null || held.cameMs === null) return told;
  const since = live ? 0 : Math.max(0, store.clock.value - held.cameMs) / 1000;
  return told + since;
}

function PlaybookMenu({ store }: { store: Store }) {
  const query = store.query(store.view.value);
  const pages = [
    ["html", "Open as a page"],
    ["pdf", "PDF, to print"],
    ["md", "Markdown, for notes"],
  ] as const;
  return (
    <Menu name="Playbook of this moment" align="end" className="playbook-menu" label={<><Sheet /><span>Playbook</span><Chevron /></>}>
      {(close) => (
        <ul class="list">
          {pages.map(([kind, words]) => (
            <li key={kind}>
              <a
                href={store.client.link(`playbook.${kind}`, query)}
                target="_blank"
                rel="noreferrer"
                onClick={close}
              >
                {words}
              </a>
            </li>
          ))}
          <li class="note">Market, clusters, signals and plans on two pages, as of this moment.</li>
        </ul>
      )}
    </Menu>
  );
}

function LayoutMenu({ store }: { store: Store }) {
  return (
    <Menu name="Layouts and link" align="end" label={<><Stack /><span class="wide">Layouts</span><Chevron /></>}>
      {(close) => (
        <div class="layouts">
          <form
            onSubmit={(event) => {
              event.preventDefault();
              const input = event.currentTarget.elements.namedItem("name") as HTMLInputElement;
              const name = input.value.trim();
              if (name) saveLayout(name, store.link());
              input.value = "";
            }}
          >
            <input name="name" aria-label="Name of the layout" placeholder="Keep this as…" maxLength={40} />
            <button type="submit" class="button primary">Keep</button>
          </form>
          {layoutsProblem.value && <p class="note">{layoutsProblem.value}</p>}
          <ul class="list">
            {Object.entries(layouts.value).map(([name, link]) => (
              <li key={name} class="layout">
                <button type="button" onClick={() => { store.follow(link); close(); }}>{name}</button>
                <button type="button" aria-label={`Forget ${name}`} onClick={() => dropLayout(name)}>×</button>
              </li>
            ))}
            <li>
              <button type="button" onClick={() => { void copyLink(store); close(); }}>
                Copy the link of this view
              </button>
            </li>
          </ul>
        </div>
      )}
    </Menu>
  );
}

async function copyLink(store: Store): Promise<void> {
  const address = `${location.origin}${location.pathname}#${store.link()}`;
  try {
    await navigator.clipboard.writeText(address);
    store.say("The link is copied: it brings this view back.");
  } catch {
    // Clipboards are closed to pages without TLS; the address bar has the same link.
    store.say("The address bar has the link: copy it from there.");
  }
}

const line = { fill: "none", stroke: "currentColor", "stroke-width": 1.4 } as const;

/** Three bands of heat and the price between them. */
function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <rect x="2" y="3" width="16" height="3" rx="1" fill="#1fb89a" />
      <rect x="6" y="8.5" width="12" height="3" rx="1" fill="#fde725" />
      <rect x="10" y="14" width="8" height="3" rx="1" fill="#ef5b6b" />
    </svg>
  );
}

function Sun() {
  return (
    <svg width="15" height="15" viewBox="0 0 16 16" aria-hidden="true" {...line}>
      <circle cx="8" cy="8" r="3" />
      <path d="M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.5 1.5M11.500 11.500L13 13M13 3l-1.500 1.500M4.500 11.500L3 13" />
    </svg>
  );
}

function Moon() {
  return (
    <svg width="15" height="15" viewBox="0 0 16 16" aria-hidden="true" {...line}>
      <path d="M13 9.500A5.500 5.500 0 0 1 6.500 3a5.500 5.500 0 1 0 6.500 6.500z" />
    </svg>
  );
}

function Sheet() {
  return (
    <svg width="13" height="14" viewBox="0 0 13 14" aria-hidden="true" {...line}>
      <path d="M2 1h6l3 3v9H2zM4.500 7h4M4.500 10h4" />
    </svg>
  );
}

function Stack() {
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" {...line}>
      <path d="M1.500 1.500h11v11h-11zM1.500 5h11M5.500 5v7.500" />
    </svg>
  );
}

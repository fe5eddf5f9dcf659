// What the page knows: the view, the answers that belong to it, and how fresh they are.
import { computed, effect, signal, type ReadonlySignal, type Signal } from "@preact/signals";

import { ApiError, type Client } from "../api/client";
import { follow, type Connection, type StreamEvent } from "../api/events";
import type { Alert, Badge, ForecastCourse, Health, Prints, Update } from "../api/answers";
import type { Ladder, MarketEntry, Markets, Series, Zones } from "../api/types";
import type { Heat } from "../model/heat";
import { fromLink, toLink, type View } from "../model/view";
import { deskOf, deskPairs, type Desk } from "./desk";
import { Replay } from "./replay";

/** One answer of the server: still asked for, here, or failed with a remedy. */
export interface Held<T> {
  value: T | null;
  error: ApiError | Error | null;
  loading: boolean;
  /** When it came, by the browser's clock. [ms] */
  cameMs: number | null;
}

export interface Span {
  start: number;
  end: number;
  /** Whether nothing came for long: the end is the newest there is. */
  isOver: boolean;
}

// Data that ended before this is looked at as of its end: at the present nothing is known of it.
const LONG_AGO_MS = 6 * 3_600_000;
const MOST_ALERTS = 200;
const MOST_PRINTS = 60;
// Panels are read again after live bars, but no oftener.
const LEAST_MS_BETWEEN_READINGS = 15_000;
const HEALTH_EVERY_MS = 15_000;
const SAID_FOR_MS = 4_000;

const NOTHING: Held<never> = { value: null, error: null, loading: false, cameMs: null };

export function nothing<T>(): Held<T> {
  return NOTHING as Held<T>;
}

export class Store {
  readonly view = signal<View>(fromLink(location.hash));
  readonly markets = signal<Held<Markets>>(nothing());
  readonly heat = signal<Held<Heat>>(nothing());
  readonly zones = signal<Held<Zones>>(nothing());
  readonly ladder = signal<Held<Ladder>>(nothing());
  readonly series = signal<Held<Series>>(nothing());
  readonly course = signal<Held<ForecastCourse>>(nothing());
  readonly connection = signal<Connection>("connecting");
  /** Grows with every live event; who shows live things reads `lastEvent` when it does. */
  readonly beats = signal(0);
  /** Grows when events were missed: who read answers reads them again. */
  readonly stale = signal(0);
  lastEvent: { kind: string; event: StreamEvent } | null = null;
  readonly desk = signal<Desk>(deskOf(location.hash));
  readonly health = signal<Held<Health>>(nothing());
  /** The newest bar close that the stream told of the market shown; null while none was. */
  readonly live = signal<Update | null>(null);
  /** Newest first, of this visit. */
  readonly alerts = signal<readonly Alert[]>([]);
  /** Liquidations that the market shown printed during this visit, newest first. */
  readonly prints = signal<readonly Prints["prints"][number][]>([]);
  /** Grows when live bars made answers older than they need be. */
  readonly fresher = signal(0);
  /** The browser's clock, to the second: ages grow with it. [UTC ms] */
  readonly clock = signal(Date.now());
  readonly replay = new Replay(this);
  readonly said = signal<string | null>(null);

  readonly market: ReadonlySignal<MarketEntry | null> = computed(() => {
    const { venue, symbol } = this.view.value;
    const held = this.markets.value.value?.markets ?? [];
    return held.find((one) => one.venue === venue && one.symbol === symbol) ?? null;
  });

  /** Venues that list the coin shown and have a map, the one that is looked at first. */
  readonly venues: ReadonlySignal<readonly string[]> = computed(() => {
    const { venue } = this.view.value;
    const market = this.market.value;
    const held = this.markets.value.value?.markets ?? [];
    const own = held.filter(
      (one) => one.map && one.base === market?.base && one.simulated === market.simulated,
    );
    return [...new Set([venue, ...own.map((one) => one.venue)])];
  });

  /** From when to when the market shown can be looked at. [UTC ms] */
  readonly span: ReadonlySignal<Span | null> = computed(() => {
    const market = this.market.value;
    const now = Date.parse(this.markets.value.value?.at ?? "");
    if (!market || !Number.isFinite(now)) return null;
    const held = market.tables?.open_interest ?? market;
    const live = this.live.value;
    const newest = Math.max(Date.parse(market.to), live ? Date.parse(live.at) : 0);
    const end = live ? newest : Math.min(newest, now);
    const start = Math.max(Date.parse(market.from), Date.parse(held.from));
    return end > start ? { start, end, isOver: now - end > LONG_AGO_MS && !live } : null;
  });

  /** How what is shown stands to the present. */
  readonly badge: ReadonlySignal<Badge> = computed(() => {
    const { at, venue, symbol } = this.view.value;
    const span = this.span.value;
    if (at !== null) return span?.isOver && at >= span.end ? "STORED" : "REPLAY";
    if (this.live.value) return this.live.value.badge;
    const sources = this.health.value.value?.sources ?? [];
    return sources.find((one) => one.market === `${venue} ${symbol}`)?.badge ?? "STORED";
  });

  private readonly running = new Map<string, AbortController>();
  private readonly places = new Map<string, Signal<Held<unknown>>>();
  private readMs = 0;

  constructor(readonly client: Client) {}

  /** Change the view; the address follows. */
  look(change: Partial<View>): void {
    this.view.value = { ...this.view.value, ...change };
  }

  /** Look at a past moment, or at now. [UTC ms] */
  goTo(at: number | null): void {
    this.look({ at });
  }

  /** The present again: the newest there is, where nothing comes any more. */
  goToNow(): void {
    this.replay.pause();
    const span = this.span.value;
    this.goTo(span?.isOver ? span.end : null);
  }

  /** Tell the person something in passing. */
  say(words: string): void {
    this.said.value = words;
    setTimeout(() => {
      if (this.said.value === words) this.said.value = null;
    }, SAID_FOR_MS);
  }

  open(change: Partial<Desk>): void {
    this.desk.value = { ...this.desk.value, ...change };
  }

  /** The link of the present view. */
  link(): string {
    const pairs = [toLink(this.view.value), deskPairs(this.desk.value)];
    return pairs.filter(Boolean).join("&");
  }

  /** Take up what a link says. */
  follow(link: string): void {
    this.view.value = fromLink(link);
    this.desk.value = deskOf(link);
  }

  /** Where a panel's answer is kept; another market's is never shown as this one's. */
  place<T>(slot: string, market: string): Signal<Held<T>> {
    const name = `${slot} of ${market}`;
    let place = this.places.get(name);
    if (!place) {
      place = signal<Held<unknown>>(nothing());
      this.places.set(name, place);
    }
    return place as Signal<Held<T>>;
  }

  /** Begin: the link follows the view, answers follow both; ends with the returned function. */
  start(): () => void {
    const ends = [
      effect(() => {
        const link = this.link();
        if (location.hash.slice(1) !== link) history.replaceState(null, "", `#${link}`);
      }),
      this.chooseFirstMarket(),
      this.lookWhereDataEnds(),
      this.followStream(),
    ];
    const changed = (): void => {
      if (location.hash.slice(1) !== this.link()) this.follow(location.hash);
    };
    window.addEventListener("hashchange", changed);
    void this.read("markets", this.markets, (signal) => this.client.json<Markets>("markets", {}, signal));
    const askHealth = (): void => {
      void this.read("health", this.health, (signal) =>
        this.client.json<Health>("health", {}, signal),
      );
    };
    askHealth();
    const ticking = setInterval(() => {
      this.clock.value = Date.now();
    }, 1000);
    const asking = setInterval(askHealth, HEALTH_EVERY_MS);
    return () => {
      clearInterval(ticking);
      clearInterval(asking);
      this.replay.pause();
      window.removeEventListener("hashchange", changed);
      for (const end of ends) end();
      for (const asked of this.running.values()) asked.abort();
    };
  }

  /** The query that every answer of the present view shares. */
  query(view: View): Record<string, string | null> {
    return {
      symbol: view.symbol,
      venue: view.venue,
      at: view.at === null ? null : new Date(view.at).toISOString(),
      model: view.model === "auto" ? null : view.model,
    };
  }

  /** The same of the map: of every venue that lists the coin, where that is wanted. */
  mapQuery(view: View): Record<string, string | null> {
    const venues = view.joint ? this.venues.value : [view.venue];
    return { ...this.query(view), venue: venues.join(",") };
  }

  /** Ask for something; an answer that comes after a newer question is thrown away. */
  async read<T>(
    name: string,
    into: { value: Held<T> },
    ask: (signal: AbortSignal) => Promise<T>,
  ): Promise<void> {
    this.running.get(name)?.abort();
    const controller = new AbortController();
    this.running.set(name, controller);
    into.value = { ...into.value, loading: true };
    try {
      const value = await ask(controller.signal);
      if (this.running.get(name) !== controller) return;
      into.value = { value, error: null, loading: false, cameMs: Date.now() };
    } catch (error) {
      if (this.running.get(name) !== controller) return;
      const said = error instanceof Error ? error : new Error(String(error));
      into.value = { ...into.value, error: said, loading: false };
    }
  }

  private chooseFirstMarket(): () => void {
    return effect(() => {
      const held = this.markets.value.value?.markets.filter((one) => one.map) ?? [];
      const view = this.view.peek();
      const found = held.some((one) => one.venue === view.venue && one.symbol === view.symbol);
      const first = [...held].sort((a, b) => worth(b) - worth(a))[0];
      if (!found && first) this.look({ venue: first.venue, symbol: first.symbol });
    });
  }

  /** Of a market whose data ended long ago, the end is looked at, not an empty present. */
  private lookWhereDataEnds(): () => void {
    return effect(() => {
      const span = this.span.value;
      if (span?.isOver && this.view.value.at === null) this.goTo(span.end);
    });
  }

  private take(kind: string, event: StreamEvent): void {
    if (kind === "alert") {
      this.alerts.value = [event.payload as Alert, ...this.alerts.value].slice(0, MOST_ALERTS);
    }
    if (kind === "liquidation") {
      const newest = [...(event.payload as Prints).prints].reverse();
      this.prints.value = [...newest, ...this.prints.value].slice(0, MOST_PRINTS);
    }
    if (kind !== "update") return;
    const update = event.payload as Update;
    const { venue, symbol } = this.view.peek();
    if (update.venue !== venue || update.symbol !== symbol) return;
    this.live.value = update;
    const now = Date.now();
    if (now - this.readMs >= LEAST_MS_BETWEEN_READINGS && this.view.peek().at === null) {
      this.readMs = now;
      this.fresher.value += 1;
    }
  }

  private followStream(): () => void {
    let stop: (() => void) | null = null;
    // Another colour is no reason to connect again: only another market is.
    const wanted = computed(() => JSON.stringify([this.view.value.venue, this.view.value.symbol]));
    const end = effect(() => {
      const [venue, symbol] = JSON.parse(wanted.value) as [string, string];
      stop?.();
      stop = null;
      this.live.value = null;
      this.prints.value = [];
      if (!venue || !symbol) return;
      stop = follow(this.client, [{ venue, symbol }], {
        on: (kind, event) => {
          this.lastEvent = { kind, event };
          this.take(kind, event);
          this.beats.value += 1;
        },
        resync: () => {
          this.stale.value += 1;
        },
        connection: (state) => {
          this.connection.value = state;
        },
      });
    });
    return () => {
      stop?.();
      end();
    };
  }
}

/** Which market is opened first: bitcoin's, else the one that is freshest. */
function worth(market: MarketEntry): number {
  return Date.parse(market.to) + (market.base === "BTC" ? 1e12 : 0);
}

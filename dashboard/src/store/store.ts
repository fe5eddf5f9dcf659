// What the page knows: the view, the answers that belong to it, and how fresh they are.
import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";

import { ApiError, type Client } from "../api/client";
import { follow, type Connection, type StreamEvent } from "../api/events";
import type { Ladder, MarketEntry, Markets, Series, Zones } from "../api/types";
import type { Heat } from "../model/heat";
import { fromLink, toLink, type View } from "../model/view";

/** One answer of the server: still asked for, here, or failed with a remedy. */
export interface Held<T> {
  value: T | null;
  error: ApiError | Error | null;
  loading: boolean;
  /** When it came, by the browser's clock. [ms] */
  cameMs: number | null;
}

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
  readonly connection = signal<Connection>("connecting");
  /** Grows with every live event; who shows live things reads `lastEvent` when it does. */
  readonly beats = signal(0);
  /** Grows when events were missed: who read answers reads them again. */
  readonly stale = signal(0);
  lastEvent: { kind: string; event: StreamEvent } | null = null;

  readonly market: ReadonlySignal<MarketEntry | null> = computed(() => {
    const { venue, symbol } = this.view.value;
    const held = this.markets.value.value?.markets ?? [];
    return held.find((one) => one.venue === venue && one.symbol === symbol) ?? null;
  });

  private readonly running = new Map<string, AbortController>();

  constructor(readonly client: Client) {}

  /** Change the view; the address follows. */
  look(change: Partial<View>): void {
    this.view.value = { ...this.view.value, ...change };
  }

  /** Begin: the link follows the view, answers follow both; ends with the returned function. */
  start(): () => void {
    const ends = [
      effect(() => {
        const link = toLink(this.view.value);
        if (location.hash.slice(1) !== link) history.replaceState(null, "", `#${link}`);
      }),
      this.chooseFirstMarket(),
      this.followStream(),
    ];
    const changed = (): void => {
      this.view.value = fromLink(location.hash);
    };
    window.addEventListener("hashchange", changed);
    void this.read("markets", this.markets, (signal) => this.client.json<Markets>("markets", {}, signal));
    return () => {
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
      const first = held[0];
      if (!found && first) this.look({ venue: first.venue, symbol: first.symbol });
    });
  }

  private followStream(): () => void {
    let stop: (() => void) | null = null;
    // Another colour is no reason to connect again: only another market is.
    const wanted = computed(() => JSON.stringify([this.view.value.venue, this.view.value.symbol]));
    const end = effect(() => {
      const [venue, symbol] = JSON.parse(wanted.value) as [string, string];
      stop?.();
      stop = null;
      if (!venue || !symbol) return;
      stop = follow(this.client, [{ venue, symbol }], {
        on: (kind, event) => {
          this.lastEvent = { kind, event };
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

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Client } from "../../src/api/client";
import type { Markets } from "../../src/api/types";
import { deskOf, deskPairs } from "../../src/store/desk";
import { Store } from "../../src/store/store";

const DAY = 86_400_000;
const END = Date.parse("2024-02-11T12:00Z");

function markets(at: string): Markets {
  const one = {
    symbol: "SIM/USDT:USDT",
    venue: "sandbox",
    base: "SIM",
    perpetual: true,
    map: true,
    simulated: true,
    from: "2024-01-13T00:00:00Z",
    to: new Date(END).toISOString(),
    age_s: 0,
    tick_size: 0.1,
  };
  return { at, simulated: true, markets: [one] };
}

function storeAt(at: string): Store {
  const store = new Store({} as Client);
  store.look({ venue: "sandbox", symbol: "SIM/USDT:USDT" });
  store.markets.value = { value: markets(at), error: null, loading: false, cameMs: 0 };
  return store;
}

describe("a desk", () => {
  it("comes back from its part of a link", () => {
    const desk = { page: "scan", panel: "chain" } as const;
    expect(deskOf(`#range=24h&${deskPairs(desk)}`)).toEqual(desk);
  });

  it("is as at first where a link says nothing or nonsense", () => {
    expect(deskOf("#panel=moon")).toEqual({ page: "chart", panel: "signals" });
    expect(deskPairs(deskOf(""))).toBe("");
  });
});

describe("the venues of a coin", () => {
  it("are asked for together where that is wanted, the one looked at first, and only with a map", () => {
    const store = storeAt("2026-01-01T00:00Z");
    const held = store.markets.value.value!;
    const one = held.markets[0]!;
    const others = [
      { ...one, venue: "sandbox-dark" },
      { ...one, venue: "sandbox-sampled", map: false },
      { ...one, venue: "binance", simulated: false },
      { ...one, venue: "other", base: "ETH" },
    ];
    const value = { ...held, markets: [...others, one] };
    store.markets.value = { value, error: null, loading: false, cameMs: 0 };
    expect(store.venues.value).toEqual(["sandbox", "sandbox-dark"]);
    expect(store.mapQuery(store.view.value).venue).toBe("sandbox");
    store.look({ joint: true });
    expect(store.mapQuery(store.view.value).venue).toBe("sandbox,sandbox-dark");
    expect(store.query(store.view.value).venue).toBe("sandbox");
  });
});

describe("the moment looked at", () => {
  it("is a replay in the past, and stored where nothing comes any more", () => {
    const store = storeAt("2026-01-01T00:00Z");
    expect(store.span.value?.isOver).toBe(true);
    store.goTo(END);
    expect(store.badge.value).toBe("STORED");
    store.goTo(END - DAY);
    expect(store.badge.value).toBe("REPLAY");
    store.goToNow();
    expect(store.view.value.at).toBe(END);
  });

  it("is now again after a replay of what is current", () => {
    const store = storeAt(new Date(END + 60_000).toISOString());
    store.goTo(END - DAY);
    store.goToNow();
    expect(store.view.value.at).toBeNull();
  });
});

describe("a replay", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("moves on by its speed, and waits for what is shown", () => {
    const store = storeAt("2026-01-01T00:00Z");
    store.goTo(END - DAY);
    store.replay.speed.value = 900;
    store.replay.play();
    vi.advanceTimersByTime(2000);
    expect(store.view.value.at).toBe(END - DAY + 2 * 900_000);
    store.heat.value = { ...store.heat.value, loading: true };
    vi.advanceTimersByTime(5000);
    expect(store.view.value.at).toBe(END - DAY + 2 * 900_000);
    store.replay.pause();
  });

  it("ends where the data ends", () => {
    const store = storeAt("2026-01-01T00:00Z");
    store.goTo(END - 600_000);
    store.replay.speed.value = 3600;
    store.replay.play();
    vi.advanceTimersByTime(1000);
    expect(store.view.value.at).toBe(END);
    expect(store.replay.playing.value).toBe(false);
  });
});

// Which market: everything the lake holds, to be found by typing.
import { useState } from "preact/hooks";

import type { MarketEntry } from "../api/types";
import { formatAge } from "../model/format";
import type { Store } from "../store/store";
import { Menu } from "./menu";

/** The markets that hold every word typed, those with a map first. */
export function found(markets: readonly MarketEntry[], words: string): MarketEntry[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return markets
    .filter((one) => {
      const name = `${one.symbol} ${one.venue}`.toLowerCase();
      return wanted.every((word) => name.includes(word));
    })
    .sort((a, b) => Number(b.map) - Number(a.map) || Date.parse(b.to) - Date.parse(a.to));
}

export function MarketPicker({ store }: { store: Store }) {
  const { symbol, venue } = store.view.value;
  const markets = store.markets.value.value?.markets ?? [];
  return (
    <Menu
      className="picker"
      name={symbol ? `${symbol} ${isJoint(store) ? "all venues" : venue}: choose a market` : "No market: choose a market"}
      label={
        <>
          <b>{symbol || "No market"}</b>
          {" "}
          <span class="muted">{isJoint(store) ? "all venues" : venue}</span>
          <Chevron />
        </>
      }
    >
      {(close) => <Choices store={store} markets={markets} close={close} />}
    </Menu>
  );
}

function isJoint(store: Store): boolean {
  return store.view.value.joint && store.venues.value.length > 1;
}

interface ChoicesProps {
  store: Store;
  markets: readonly MarketEntry[];
  close: () => void;
}

function Choices({ store, markets, close }: ChoicesProps) {
  const [words, setWords] = useState("");
  const shown = found(markets, words);
  const { symbol, venue, at } = store.view.value;
  const choose = (one: MarketEntry): void => {
    const held = at !== null && at > Date.parse(one.from) && at < Date.parse(one.to);
    const replayed = store.badge.value === "REPLAY" && held;
    store.replay.pause();
    store.look({ symbol: one.symbol, venue: one.venue, at: replayed ? at : null });
    close();
  };
  return (
    <div class="choices">
      <input
        type="search"
        placeholder="Coin or venue"
        aria-label="Find a market"
        value={words}
        ref={(input) => input?.focus()}
        onInput={(event) => setWords(event.currentTarget.value)}
        onKeyDown={(event) => {
          const first = shown.find((one) => one.map);
          if (event.key === "Enter" && first) choose(first);
        }}
      />
      {store.venues.value.length > 1 && (
        <label class="check joint" title="Candles, signals and panes stay those of the venue chosen">
          <input
            type="checkbox"
            checked={store.view.value.joint}
            onChange={(event) => store.look({ joint: event.currentTarget.checked })}
          />
          Add up the maps of {store.venues.value.join(", ")}
        </label>
      )}
      <ul>
        {shown.map((one) => (
          <li key={`${one.venue} ${one.symbol}`}>
            <button
              type="button"
              disabled={!one.map}
              aria-current={one.symbol === symbol && one.venue === venue}
              title={one.map ? "" : "No open interest is held of it, so there is no map"}
              onClick={() => choose(one)}
            >
              <b>{one.symbol}</b>
              <span>{one.venue}</span>
              <small>{one.map ? ageWords(one) : "no map"}</small>
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p class="muted pad">Nothing held is called that.</p>}
    </div>
  );
}

function ageWords(one: MarketEntry): string {
  return one.age_s !== null && one.age_s > 0 ? `${formatAge(one.age_s)} old` : "current";
}

export function Chevron() {
  return (
    <svg width="8" height="5" viewBox="0 0 8 5" aria-hidden="true" class="chevron">
      <path d="M1 1l3 3 3-3" fill="none" stroke="currentColor" stroke-width="1.4" />
    </svg>
  );
}

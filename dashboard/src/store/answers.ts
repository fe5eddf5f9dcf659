// Answers that a panel asks for while it is shown, kept for the next time it is.
// In: an endpoint and its query beside the view's own. Out: `Held`. Free of drawing.
import { useEffect, useRef } from "preact/hooks";

import type { Query } from "../api/client";
import type { Held, Store } from "./store";

interface Options {
  /** Whether the answer is of the market shown, of its moment, or of the lake as it is now. */
  of?: "market" | "moment" | "lake";
  /** One place for answers that replace each other. */
  slot?: string;
  /** Nothing is asked while false. */
  when?: boolean;
  /** Whether the endpoint knows `model`. */
  model?: boolean;
}

/** The newest answer of an endpoint for the present view; asks again when the view changes. */
export function useAnswer<T>(
  store: Store,
  path: string,
  query: Query = {},
  { of = "market", slot = path, when = true, model = true }: Options = {},
): Held<T> {
  const view = store.view.value;
  const shared = store.query(view);
  const own: Query =
    of === "market"
      ? { ...shared, ...(model ? {} : { model: null }) }
      : of === "moment"
        ? { at: shared.at ?? null }
        : {};
  const full = { ...own, ...query };
  const known = of !== "market" || (view.venue !== "" && view.symbol !== "");
  const place = store.place<T>(slot, of === "market" ? `${view.venue} ${view.symbol}` : "");
  const address = store.client.address(path, full);
  const again = of === "lake" ? 0 : store.stale.value + store.fresher.value;
  const playing = store.replay.playing.value;
  const asked = useRef("");
  // While the past plays, an answer that is under way is waited for, not thrown away.
  const busy = playing && place.value.loading;
  useEffect(() => {
    if (!when || !known || busy) return;
    // And so is the same question's: one that is slower than news comes would never be heard.
    if (asked.current === address && place.peek().loading) return;
    asked.current = address;
    void store.read(slot, place, (signal) => store.client.json<T>(path, full, signal));
  }, [address, again, when, known, busy, place]);
  const held = place.value;
  const answered = useRef("");
  if (!held.loading && held.value !== null) answered.current = asked.current;
  // The same question asked again in passing: what is shown stays true meanwhile, and is not dimmed.
  const isRefresh = held.loading && held.value !== null && answered.current === address;
  return isRefresh ? { ...held, loading: false } : held;
}

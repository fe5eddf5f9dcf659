// The four answers a chart is drawn from, asked for again when what they depend on changes.
// In: the view. Out: the store's heat, zones, ladder and series. Free of drawing.
import { computed, effect, signal, untracked } from "@preact/signals";

import type { ForecastCourse } from "../api/answers";
import type { Ladder, Series, Zones } from "../api/types";
import type { Heat } from "../model/heat";
import { withRoom } from "../model/scale";
import { TIERS, type Range, type View } from "../model/view";
import type { Store } from "../store/store";

// Wide enough for what a span usually moves through, so that its bins are about as fine as the map's.
const LADDER_REACH: Partial<Record<Range, number>> = { "12h": 0.06, "24h": 0.08, "3d": 0.2, "7d": 0.3 };
const WIDEST_REACH = 0.5;
const REACHES = [0.06, 0.08, 0.12, 0.2, 0.3, WIDEST_REACH] as const;
const TOLD = ["forecast_chance", "forecast_size"] as const;
const LADDER_BINS = 600;
const SERIES = "open_interest,funding,liquidations,cvd,cvd_spot,long_short_ratio,basis";

/** Tiers as the server wants them; null where all are counted. */
export function tierQuery(view: View): string | null {
  const all = view.tiers.length === 0 || view.tiers.length === TIERS.length;
  return all ? null : view.tiers.join(",");
}

/** How far a ladder must reach to stand beside everything that a map shows. [1] */
export function reachOf(range: Range, heat: Heat | null): number {
  const usual = LADDER_REACH[range] ?? WIDEST_REACH;
  const mark = heat?.header.mark_price ?? 0;
  if (!heat || !(mark > 0)) return usual;
  const { low, high } = heat.candles;
  // As much beyond the candles as the price axis keeps free there.
  const [bottom, top] = withRoom(Math.min(...low), Math.max(...high));
  const wanted = Math.max(1 - bottom / mark, top / mark - 1);
  const wide = REACHES.find((reach) => reach >= wanted) ?? WIDEST_REACH;
  return Math.max(usual, wide);
}

/** Read what the chart shows whenever the view asks for another thing; ends with the function. */
export function readAnswers(store: Store): () => void {
  // A colour or a switch is no reason to ask again: only what is in these keys is.
  const about = computed(() => JSON.stringify(store.query(store.view.value)));
  const map = computed(() => JSON.stringify(store.mapQuery(store.view.value)));
  // Live columns are of one venue: of several, the map is read again instead.
  const newer = signal(0);
  const heat = computed(
    () => `${map.value} ${store.view.value.range} ${tierQuery(store.view.value) ?? ""} ${newer.value}`,
  );
  const zones = computed(() => `${map.value} ${newer.value}`);
  const series = computed(() => `${about.value} ${store.view.value.range}`);
  // The forecast weighs months of a market: it is asked for where it is shown.
  const isTold = computed(() => TOLD.some((pane) => store.view.value.panes.includes(pane)));
  const course = computed(() => (isTold.value ? series.value : ""));
  const reach = computed(() => reachOf(store.view.value.range, store.heat.value.value));
  const ladder = computed(() => `${map.value} ${store.view.value.range} ${reach.value} ${newer.value}`);
  const whenSet = (key: { value: string }, read: (view: View) => void): (() => void) =>
    effect(() => {
      void key.value;
      // Something was missed on the stream: the same question has another answer now.
      void store.stale.value;
      // Asking writes where the answer comes: that must not ask again.
      untracked(() => {
        const view = store.view.value;
        if (view.venue && view.symbol) read(view);
      });
    });
  const { client } = store;
  const ends = [
    whenSet(heat, (view) => {
      const query = {
        ...store.mapQuery(view),
        range: view.range,
        // Both sides in planes of their own, so that choosing one asks for nothing.
        side: "each",
        tiers: tierQuery(view),
      };
      void store.read("heat", store.heat, (signal) => client.heat(query, signal));
    }),
    whenSet(zones, (view) => {
      const query = store.mapQuery(view);
      void store.read("zones", store.zones, (signal) => client.json<Zones>("zones", query, signal));
    }),
    whenSet(ladder, (view) => {
      const query = { ...store.mapQuery(view), reach: reach.peek(), bins: LADDER_BINS };
      void store.read("ladder", store.ladder, (signal) => client.json<Ladder>("ladder", query, signal));
    }),
    whenSet(series, (view) => {
      const query = { ...store.query(view), model: null, range: view.range, names: SERIES };
      void store.read("series", store.series, (signal) =>
        client.json<Series>("series", query, signal),
      );
    }),
  ];
  ends.push(
    effect(() => {
      void store.fresher.value;
      untracked(() => {
        const held = [store.heat, store.zones, store.ladder];
        // What is still under way is waited for: asked anew each time it would never come.
        if (store.view.value.joint && !held.some((one) => one.value.loading)) newer.value += 1;
      });
    }),
    whenSet(course, (view) => {
      if (!isTold.peek()) return;
      const query = { ...store.query(view), model: null, range: view.range };
      void store.read("course", store.course, (signal) =>
        client.json<ForecastCourse>("forecast/course", query, signal),
      );
    }),
  );
  return () => {
    for (const end of ends) end();
  };
}

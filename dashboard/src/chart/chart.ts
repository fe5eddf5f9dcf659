// The chart in the page: toolbar, drawing, tooltip, keys, and what is said while there is no map.
// In: the store. Out: `mountChart`, which follows the store until it is ended.
import { computed, effect, untracked } from "@preact/signals";
import type { MouseEventParams } from "lightweight-charts";
import { h, render } from "preact";

import "./chart.css";
import { ApiError } from "../api/client";
import { formatPrice, formatTime, tickNear } from "../model/format";
import type { Heat, HeatColumn } from "../model/heat";
import { price, usd, type Usd } from "../model/nominal";
import { csvOf } from "../model/csv";
import { priceOfWords } from "../model/price_words";
import { readAt } from "../model/reading";
import { usdAtShare } from "../model/scale";
import { withTold } from "../model/told";
import type { Held, Store } from "../store/store";
import { coloursOf } from "./colours";
import { oncePerFrame } from "./frame";
import { listen } from "./gestures";
import { HeatChart, sidesOf, tiersOf } from "./heat_chart";
import { captioned, fileName, save, type Caption } from "./picture";
import { Toolbar, type ToolbarActions } from "./toolbar";
import { Tooltip } from "./tooltip";

/** Put the chart into an element and keep it up with the store; ends with the returned function. */
export function mountChart(element: HTMLElement, store: Store): () => void {
  const bar = part(element, "chart-bar");
  const stage = part(element, "chart-stage");
  stage.tabIndex = 0;
  stage.setAttribute("role", "application");
  stage.setAttribute(
    "aria-label",
    "Heatmap. Arrows move, plus and minus scale time, shift and arrows scale prices, 0 shows all.",
  );
  const canvas = part(stage, "chart-canvas");
  const legend = part(stage, "chart-legend");
  const state = part(stage, "chart-state");
  state.setAttribute("role", "status");
  const drawn = new HeatChart(canvas);
  const tooltip = new Tooltip(stage);

  const span = computed((): readonly [Usd, Usd] => {
    const heat = store.heat.value.value;
    return heat ? heat.range(0, heat.columns) : [usd(1), usd(1)];
  });
  const threshold = computed(() => usdAtShare(store.view.value.threshold, [...span.value]));
  const tickSize = computed(() => {
    const known = store.market.value?.tick_size;
    return known ?? tickNear(store.heat.value.value?.header.mark_price ?? 0);
  });
  const actions: ToolbarActions = {
    refit: () => {
      drawn.refit();
    },
    goTo: (words) => {
      const mark = store.heat.peek().value?.header.mark_price;
      const target = mark ? priceOfWords(words, price(mark)) : null;
      if (target !== null) drawn.goTo(target);
      return target !== null;
    },
    savePicture: () => {
      savePicture(store, drawn, element);
    },
    saveTable: () => {
      saveTable(store, drawn, threshold.peek());
    },
  };
  render(h(Toolbar, { store, actions, span: () => span.value }), bar);

  let isHeld = false;
  const hold = (event: PointerEvent): void => {
    // A finger points with the crosshair where a mouse would drag.
    isHeld = event.type === "pointerdown" && event.pointerType === "mouse";
  };
  stage.addEventListener("pointerdown", hold);
  window.addEventListener("pointerup", hold);
  let isOver = false;
  const point = (event: MouseEventParams): void => {
    // The frame that was waited for may come after the chart is gone.
    if (isOver) return;
    const heat = store.heat.peek().value;
    const at = event.point && event.paneIndex === 0 ? drawn.candles.coordinateToPrice(event.point.y) : null;
    // While it is dragged nobody reads, and every frame counts.
    if (!heat || !event.point || at === null || event.logical === undefined || isHeld) {
      tooltip.hide();
      return;
    }
    const view = store.view.peek();
    const column = Math.round(event.logical);
    const reading = readAt(heat, store.ladder.peek().value, column, price(at), tiersOf(view));
    tooltip.show(reading, event.point, view.zone, tickSize.peek());
  };
  const tell = oncePerFrame(point);
  drawn.chart.subscribeCrosshairMove((event) => {
    // On the canvas, so that it goes with the frame that the library draws anyway.
    if (!isHeld) drawn.panes.say(event.point && event.logical !== undefined ? Math.round(event.logical) : null);
    tell(event);
  });

  const ends = [
    listen(stage, drawn, {
      look: (change) => {
        store.look(change);
      },
      view: () => store.view.peek(),
      focusPrice: () => bar.querySelector<HTMLInputElement>("input[name=price]")?.focus(),
      savePicture: actions.savePicture,
      saveTable: actions.saveTable,
    }),
    effect(() => {
      const { zone, theme } = store.view.value;
      const tick = tickSize.value;
      // The page's own effect sets the theme on the document; colours are read after it.
      void theme;
      queueMicrotask(() => {
        drawn.dress(zone, tick);
        untracked(() => {
          drawn.showZones(store.zones.value.value, store.view.value);
          drawn.showLadder(store.ladder.value.value, store.view.value);
        });
      });
    }),
    effect(() => {
      const heat = store.heat.value.value;
      const view = store.view.value;
      if (heat) drawn.showHeat(heat, view, threshold.value);
      stage.dataset.drawn = heat ? "1" : "0";
    }),
    effect(() => {
      drawn.showZones(store.zones.value.value, store.view.value);
    }),
    effect(() => {
      drawn.showLadder(store.ladder.value.value, store.view.value);
    }),
    effect(() => {
      const view = store.view.value;
      const series = withTold(store.series.value.value, store.course.value, view.horizon);
      drawn.showSeries(series, store.heat.value.value, view);
    }),
    effect(() => {
      showState(state, store.heat.value);
      legend.replaceChildren(...legendOf(store));
    }),
    followLive(store, drawn),
  ];
  const resized = new ResizeObserver(() => {
    drawn.showLadder(store.ladder.peek().value, store.view.peek());
    drawn.showZones(store.zones.peek().value, store.view.peek());
  });
  resized.observe(stage);
  return () => {
    isOver = true;
    resized.disconnect();
    window.removeEventListener("pointerup", hold);
    for (const end of ends) end();
    render(null, bar);
    tooltip.remove();
    drawn.remove();
    element.replaceChildren();
  };
}

/** Lay live columns on the map as bars close; a replay shows the past and takes none. */
function followLive(store: Store, drawn: HeatChart): () => void {
  return effect(() => {
    void store.beats.value;
    untracked(() => {
      const heat = store.heat.value.value;
      const last = store.lastEvent;
      const view = store.view.value;
      if (!heat || !last || last.kind !== "update" || view.at !== null) return;
      const { market, payload } = last.event;
      if (market?.venue !== heat.header.venue || market.symbol !== heat.header.symbol) return;
      const { column } = payload as { column: HeatColumn | null };
      // Live columns count every tier of one venue: a map of others is read anew instead.
      if (!column || view.tiers.length > 0 || heat.header.venues) return;
      if (heat.append(column) !== "refused") drawn.updateLast(heat);
    });
  });
}

function part(parent: HTMLElement, name: string): HTMLDivElement {
  const element = document.createElement("div");
  element.className = name;
  parent.append(element);
  return element;
}

function words(kind: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}

/** On the chart itself, so that a photograph of it says so too. */
function legendOf(store: Store): HTMLElement[] {
  const heat = store.heat.value.value;
  if (!heat) return [];
  const view = store.view.value;
  const found = marksOf(store, heat).map((mark) => {
    const when = mark === "REPLAY" ? ` ${formatTime(view.at ?? 0, view.zone)}` : "";
    return words("legend-mark", mark + when);
  });
  const minutes = heat.stepMs / 60_000;
  const step = minutes < 60 ? `${minutes} min` : `${minutes / 60} h`;
  found.push(words("legend-model", `${modelOf(heat)} · ${step} a column`));
  if (heat.header.venues) {
    const parts = heat.header.venues.map(({ venue, share }) =>
      share === null ? venue : `${venue} ${Math.round(100 * share)} %`,
    );
    found.push(words("legend-model", `all venues: ${parts.join(", ")} of open interest`));
  }
  return found;
}

/** Say what is going on while no map can be shown, and what mends it. */
function showState(state: HTMLElement, held: Held<Heat>): void {
  const { error, loading, value } = held;
  state.dataset.kind = error ? "error" : loading ? "loading" : value ? "none" : "empty";
  if (error) {
    const hint = error instanceof ApiError ? error.hint : null;
    const found = [words("state-title", "No map"), words("state-words", error.message)];
    if (hint) found.push(words("state-hint", hint));
    state.replaceChildren(...found);
  } else if (loading && !value) {
    state.replaceChildren(words("state-title", "Building the map"), words("state-words", "The first time takes some seconds."));
  } else if (loading) {
    state.replaceChildren(words("state-busy", "reading …"));
  } else {
    state.replaceChildren();
  }
}

function marksOf(store: Store, heat: Heat): string[] {
  const marks = heat.header.simulated ? ["SIMULATED"] : [];
  return store.badge.value === "REPLAY" ? [...marks, "REPLAY"] : marks;
}

/** The model in words, without the digest of its fit, which tells nobody anything. */
function modelOf({ header }: Heat): string {
  return header.model_words.replace(/\((\d{4}-\d\d-\d\d)-[0-9a-f]{6,}\)/, "($1)");
}

function venuesOf({ header }: Heat): string {
  return header.venues?.map((one) => one.venue).join(" + ") ?? header.venue;
}

function nameOf(heat: Heat, store: Store): string[] {
  const { symbol, known_to: known, simulated } = heat.header;
  const base = symbol.split(":")[0] ?? symbol;
  const kind = simulated ? ["simulated"] : [];
  return ["forcedflow", ...kind, venuesOf(heat), base, store.view.peek().range, known.replace(/:\d\d(\.\d+)?Z$/, "")];
}

function savePicture(store: Store, drawn: HeatChart, element: HTMLElement): void {
  const heat = store.heat.peek().value;
  if (!heat) return;
  const { symbol, known_to: known, mark_price: mark } = heat.header;
  const { zone, range } = store.view.peek();
  const tick = store.market.peek()?.tick_size ?? tickNear(mark);
  const caption: Caption = {
    title: `${symbol} · ${venuesOf(heat)} · ${formatPrice(mark, tick)}`,
    about: `known to ${formatTime(Date.parse(known), zone)} ${zone} · ${range} · ${modelOf(heat)}`,
    marks: marksOf(store, heat),
  };
  const { background, text, muted, second } = coloursOf(element);
  const picture = captioned(
    drawn.chart.takeScreenshot(true),
    caption,
    { background, text, muted, warn: second },
    window.devicePixelRatio,
  );
  picture.toBlob((blob) => {
    if (blob) save(blob, `${fileName(nameOf(heat, store))}.png`);
  }, "image/png");
}

function saveTable(store: Store, drawn: HeatChart, threshold: Usd): void {
  const heat = store.heat.peek().value;
  const visible = drawn.visible();
  if (!heat || !visible) return;
  const text = csvOf(heat, { ...visible, threshold, sides: sidesOf(store.view.peek()) });
  save(new Blob([text], { type: "text/csv" }), `${fileName(nameOf(heat, store))}.csv`);
}

// The chart in a notebook: the page's own drawing, fed by Python instead of a server.
// In: an anywidget model with a tile, zones, a ladder, series and the view. Out: `render`.
// Free of asking: what Python did not set is not there.
import "./widget.css";
import type { MouseEventParams } from "lightweight-charts";

import { decodeHeat } from "./api/tile";
import type { Ladder, Series, Zones } from "./api/types";
import { oncePerFrame } from "./chart/frame";
import { HeatChart, tiersOf } from "./chart/heat_chart";
import { Tooltip } from "./chart/tooltip";
import { formatPrice, formatTime, tickNear } from "./model/format";
import type { Heat } from "./model/heat";
import { price, usd } from "./model/nominal";
import { readAt } from "./model/reading";
import { usdAtShare } from "./model/scale";
import { FIRST_VIEW, type Side, type View } from "./model/view";

/** What anywidget gives: traits by name, and word of their changes. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, told: () => void): void;
  off(event: string, told: () => void): void;
}

const SIDES: readonly [Side, string][] = [
  ["both", "Both"],
  ["long", "Longs"],
  ["short", "Shorts"],
];

/** Draw a model into an element and keep it up; ends with the returned function. */
export function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  let end: (() => void) | null = null;
  let isOver = false;
  // A notebook calls before the element is on the page, where it has no colours yet.
  const begin = (): void => {
    if (isOver) return;
    if (el.isConnected) end = mount(model, el);
    else requestAnimationFrame(begin);
  };
  begin();
  return () => {
    isOver = true;
    end?.();
  };
}

function mount(model: Model, el: HTMLElement): () => void {
  const root = part(el, "forcedflow-widget");
  const head = part(root, "widget-head");
  const facts = part(head, "widget-facts");
  const buttons = part(head, "widget-sides");
  const stage = part(root, "chart-stage");
  const canvas = part(stage, "chart-canvas");
  const foot = part(root, "widget-foot");
  const drawn = new HeatChart(canvas);
  const tooltip = new Tooltip(stage);
  let heat: Heat | null = null;

  const view = (): View => ({ ...FIRST_VIEW, ...(model.get("view") as Partial<View>) });
  const look = (change: Partial<View>): void => {
    model.set("view", { ...(model.get("view") as Partial<View>), ...change });
    model.save_changes();
    draw();
  };
  for (const [side, words] of SIDES) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.dataset.side = side;
    button.addEventListener("click", () => {
      look({ side });
    });
    buttons.append(button);
  }

  const draw = (): void => {
    const { theme, side, zone } = view();
    root.dataset.theme = theme;
    root.style.height = `${model.get("height") as number}px`;
    for (const button of buttons.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.side === side));
    }
    if (!heat) return;
    const zones = model.get("zones") as Zones | null;
    const ladder = model.get("ladder") as Ladder | null;
    const series = model.get("series") as Series | null;
    const shown: View = series ? view() : { ...view(), panes: [], bubbles: false };
    drawn.dress(zone, tickNear(heat.header.mark_price));
    drawn.showHeat(heat, shown, usdAtShare(shown.threshold, [...heat.range(0, heat.columns)]));
    drawn.showZones(zones, shown);
    drawn.showLadder(ladder, shown);
    drawn.showSeries(series, heat, shown);
    say(facts, foot, heat, shown);
    root.dataset.drawn = "1";
  };
  const read = (): void => {
    const tile = bytesOf(model.get("tile"));
    heat = tile && tile.byteLength > 0 ? decodeHeat(tile) : null;
    draw();
  };

  let isOver = false;
  const point = (event: MouseEventParams): void => {
    // The frame that was waited for may come after the chart is gone.
    if (isOver) return;
    const at = event.point && event.paneIndex === 0 ? drawn.candles.coordinateToPrice(event.point.y) : null;
    if (!heat || !event.point || at === null || event.logical === undefined) {
      tooltip.hide();
      return;
    }
    const ladder = model.get("ladder") as Ladder | null;
    const shown = view();
    const reading = readAt(heat, ladder, Math.round(event.logical), price(at), tiersOf(shown));
    tooltip.show(reading, event.point, shown.zone, tickNear(heat.header.mark_price));
  };
  drawn.chart.subscribeCrosshairMove(oncePerFrame(point));

  const touched = (): void => {
    drawn.touched();
  };
  stage.addEventListener("wheel", touched, { passive: true });
  stage.addEventListener("pointerdown", touched);
  stage.addEventListener("dblclick", () => {
    drawn.refit();
  });
  model.on("change:tile", read);
  for (const name of ["zones", "ladder", "series", "view", "height"]) model.on(`change:${name}`, draw);
  const resized = new ResizeObserver(() => {
    if (!heat) return;
    drawn.showLadder(model.get("ladder") as Ladder | null, view());
    drawn.showZones(model.get("zones") as Zones | null, view());
  });
  resized.observe(stage);
  read();
  return () => {
    isOver = true;
    resized.disconnect();
    model.off("change:tile", read);
    for (const name of ["zones", "ladder", "series", "view", "height"]) model.off(`change:${name}`, draw);
    tooltip.remove();
    drawn.remove();
    root.remove();
  };
}

/** What a map is, of when and how sure: on the chart itself, so that a photograph says so too. */
function say(facts: HTMLElement, foot: HTMLElement, heat: Heat, view: View): void {
  const { symbol, venue, mark_price: mark, known_to: known, model_words: model } = heat.header;
  const found = [words("widget-name", `${symbol} · ${venue}`)];
  if (heat.header.simulated) found.unshift(words("widget-mark", "SIMULATED"));
  found.push(words("", `mark ${formatPrice(mark, tickNear(mark))}`));
  found.push(words("widget-muted", `known to ${formatTime(Date.parse(known), view.zone)} ${view.zone}`));
  facts.replaceChildren(...found);
  foot.textContent = `Estimates if touched, not advice. ${model}`;
}

/** Bytes arrive as a view into a larger message. */
function bytesOf(value: unknown): ArrayBuffer | null {
  if (value instanceof ArrayBuffer) return value;
  if (!ArrayBuffer.isView(value)) return null;
  const { buffer, byteOffset, byteLength } = value;
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
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

export default { render };

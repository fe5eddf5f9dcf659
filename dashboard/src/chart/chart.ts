// The chart: candles over heat, clusters, profile, realised liquidations, sub-panes.
import { effect } from "@preact/signals";
import {
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  PriceScaleMode,
  type IChartApi,
  type ISeriesApi,
  type Time,
} from "lightweight-charts";

import type { Ladder, Series, Zones } from "../api/types";
import type { Heat } from "../model/heat";
import { decimals, formatTime } from "../model/format";
import { colourTable } from "../model/palette";
import { usdAtShare } from "../model/scale";
import type { View } from "../model/view";
import type { Store } from "../store/store";
import { BubblesPrimitive, type Bubble } from "./bubbles_primitive";
import { HeatPrimitive } from "./heat_primitive";
import { PROFILE_WIDTH, ProfilePrimitive } from "./profile_primitive";
import { SubPanes } from "./sub_panes";
import { ZonesPrimitive } from "./zones_primitive";

export interface ChartColours {
  background: string;
  text: string;
  muted: string;
  grid: string;
  long: string;
  short: string;
  plate: string;
  line: string;
}

/** The page's own colours, as its style sheet has them in the present theme. */
export function coloursOf(element: HTMLElement): ChartColours {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    background: of("background"),
    text: of("text"),
    muted: of("muted"),
    grid: of("grid"),
    long: of("long"),
    short: of("short"),
    plate: of("plate"),
    line: of("line"),
  };
}

export class HeatChart {
  readonly chart: IChartApi;
  readonly candles: ISeriesApi<"Candlestick", Time>;
  readonly heat = new HeatPrimitive();
  readonly zones = new ZonesPrimitive();
  readonly profile = new ProfilePrimitive();
  readonly bubbles = new BubblesPrimitive();
  readonly panes: SubPanes;
  private shown: Heat | null = null;
  private colours: ChartColours;

  constructor(private readonly element: HTMLElement) {
    this.colours = coloursOf(element);
    this.chart = createChart(element, {
      autoSize: true,
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { timeVisible: true, rightOffset: 4, minBarSpacing: 0.4 },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {
      priceLineVisible: true,
      lastValueVisible: true,
    });
    for (const primitive of [this.heat, this.profile, this.bubbles, this.zones]) {
      this.candles.attachPrimitive(primitive);
    }
    this.panes = new SubPanes(this.chart, this.colours);
  }

  /** Take on the page's present colours and a time zone. */
  dress(zone: string, tickSize: number): void {
    this.colours = coloursOf(this.element);
    const { background, text, grid, long, short, muted } = this.colours;
    this.chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: background },
        textColor: text,
        fontFamily: "Inter, system-ui, sans-serif",
        fontSize: 11,
        attributionLogo: true,
        panes: { separatorColor: grid, enableResize: true },
      },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      localization: { timeFormatter: (time: Time) => formatTime(Number(time) * 1000, zone) },
      timeScale: {
        borderColor: grid,
        tickMarkFormatter: (time: Time) => tickWords(Number(time) * 1000, zone),
      },
      rightPriceScale: { borderColor: grid },
    });
    this.candles.applyOptions({
      upColor: short,
      downColor: long,
      wickUpColor: short,
      wickDownColor: long,
      borderVisible: false,
      priceLineColor: muted,
      priceFormat: { type: "price", precision: decimals(tickSize), minMove: tickSize },
    });
    this.panes.recolour(this.colours);
  }

  showHeat(heat: Heat, view: View): void {
    const anew = heat !== this.shown;
    this.shown = heat;
    if (anew) {
      const { open, high, low, close } = heat.header.candles;
      this.candles.setData(
        heat.startMs.map((start, i) => ({
          time: (start / 1000) as Time,
          open: open[i]!,
          high: high[i]!,
          low: low[i]!,
          close: close[i]!,
        })),
      );
      this.chart.timeScale().fitContent();
    }
    this.candles.priceScale().applyOptions({
      mode: view.linear ? PriceScaleMode.Normal : PriceScaleMode.Logarithmic,
      scaleMargins: { top: 0.06, bottom: 0.06 },
    });
    const range = heat.range(0, heat.columns);
    const look = {
      table: colourTable(view.palette),
      threshold: usdAtShare(view.threshold, range),
    };
    this.heat.show(heat, look, view.linear);
  }

  showZones(zones: Zones | null, view: View): void {
    const wanted = zones && view.zones ? zones.zones : [];
    const own = wanted.filter((zone) => view.side === "both" || zone.side === view.side);
    this.zones.show(own, this.colours, view.bands, view.profile ? PROFILE_WIDTH : 0);
  }

  showLadder(ladder: Ladder | null, view: View): void {
    const tiers = ladder?.tiers.map(() => true) ?? [];
    this.profile.show(view.profile ? ladder : null, {
      ...this.colours,
      tiers,
      side: view.side,
      bands: view.bands,
    });
    // Candles end where the profile begins.
    this.chart.timeScale().applyOptions({ rightOffset: view.profile ? 14 : 4 });
  }

  showSeries(series: Series | null, heat: Heat | null, view: View): void {
    if (!series || !heat) return;
    this.panes.show(series.series, heat.startMs, heat.stepMs);
    const bubbles = view.bubbles ? bubblesOf(series, heat, view.side) : [];
    this.bubbles.show(bubbles, this.colours);
  }

  remove(): void {
    this.chart.remove();
  }
}

/** Liquidations of every column, where the price was pushed to. */
export function bubblesOf(series: Series, heat: Heat, side: View["side"]): Bubble[] {
  const held = series.series.liquidations;
  if (!held) return [];
  const found: Bubble[] = [];
  const { low, high } = heat.header.candles;
  const totals = { long: new Map<number, number>(), short: new Map<number, number>() };
  held.time_ms.forEach((end, i) => {
    const column = Math.ceil((end - heat.startMs[0]!) / heat.stepMs) - 1;
    if (column < 0 || column >= low.length) return;
    for (const one of ["long", "short"] as const) {
      const value = (one === "long" ? held.long_usd : held.short_usd)[i] ?? 0;
      if (value > 0) totals[one].set(column, (totals[one].get(column) ?? 0) + value);
    }
  });
  for (const one of ["long", "short"] as const) {
    if (side !== "both" && side !== one) continue;
    for (const [column, usd] of totals[one]) {
      const price = (one === "long" ? low : high)[column]!;
      found.push({ column, price, usd, side: one });
    }
  }
  return found;
}

function tickWords(ms: number, zone: string): string {
  const [day, hour] = formatTime(ms, zone).split(" ") as [string, string];
  return hour === "00:00" ? day.slice(5) : hour;
}

/** Put the chart into an element and keep it up with the store; ends with the returned function. */
export function mountChart(element: HTMLElement, store: Store): () => void {
  const drawn = new HeatChart(element);
  drawn.panes.choose(["open_interest", "funding", "liquidations"]);
  const ends = [
    effect(() => {
      const { zone, theme } = store.view.value;
      void theme;
      drawn.dress(zone, store.market.value?.tick_size ?? 0.01);
    }),
    effect(() => {
      const heat = store.heat.value.value;
      const view = store.view.value;
      if (heat) drawn.showHeat(heat, view);
      drawn.showZones(store.zones.value.value, view);
      drawn.showLadder(store.ladder.value.value, view);
      drawn.showSeries(store.series.value.value, heat, view);
    }),
  ];
  return () => {
    for (const end of ends) end();
    drawn.remove();
  };
}

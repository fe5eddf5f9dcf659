// The drawing: candles over heat, clusters, profile, realised liquidations, sub-panes.
// In: answers and the view. Out: lightweight-charts in an element. Free of the store and of asking.
import {
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  LineStyle,
  PriceScaleMode,
  type AutoscaleInfo,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type Time,
} from "lightweight-charts";

import type { Ladder, Series, Zones } from "../api/types";
import { formatDay, formatPrice, formatTime } from "../model/format";
import type { Heat } from "../model/heat";
import { price, type Price, type Usd } from "../model/nominal";
import { colourTable } from "../model/palette";
import { TIERS, type View } from "../model/view";
import { bubblesOf, BubblesPrimitive } from "./bubbles_primitive";
import { coloursOf, type ChartColours } from "./colours";
import { HeatPrimitive } from "./heat_primitive";
import { ProfilePrimitive, profileWidth } from "./profile_primitive";
import { SubPanes } from "./sub_panes";
import { ZonesPrimitive } from "./zones_primitive";

/** Between the last candle and what stands at the right. [px] */
const GAP = 12;
const LABELS = 132;

export function sidesOf(view: View): readonly ("long" | "short")[] {
  return view.side === "both" ? ["long", "short"] : [view.side];
}

/** Which tiers are counted, by their place. */
export function tiersOf(view: View): boolean[] {
  return TIERS.map((_, place) => view.tiers.length === 0 || view.tiers.includes(place));
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
  private readonly mark: IPriceLine;
  private goal: IPriceLine | null = null;
  private colours: ChartColours;
  /** What the visible time must be fitted to anew when it changes. */
  private fitted = "";
  private isFitted = true;
  /** Prices that somebody asked for, and no others. */
  private held: { minValue: number; maxValue: number } | null = null;
  /** Kept free at the right for labels and the profile. [px] */
  private right = GAP;

  constructor(private readonly element: HTMLElement) {
    this.colours = coloursOf(element);
    this.chart = createChart(element, {
      autoSize: true,
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { timeVisible: true, minBarSpacing: 0.3 },
      handleScale: { axisDoubleClickReset: true },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {
      // The library's own label is of the last candle in sight; what counts is the newest.
      priceLineVisible: false,
      lastValueVisible: false,
      autoscaleInfoProvider: (own: () => AutoscaleInfo | null) =>
        this.held ? { priceRange: this.held } : own(),
    });
    for (const primitive of [this.heat, this.profile, this.bubbles, this.zones]) {
      this.candles.attachPrimitive(primitive);
    }
    this.mark = this.candles.createPriceLine({ price: 0, lineStyle: LineStyle.Dashed, lineWidth: 1 });
    this.panes = new SubPanes(this.chart, this.colours);
    // A wider price axis leaves less for time. Told so in the middle of a frame, which would lose
    // what is asked of it meanwhile.
    this.chart.timeScale().subscribeSizeChange(() => {
      requestAnimationFrame(() => {
        if (this.isFitted) this.fit();
      });
    });
  }

  /** Take on the page's present colours and a time zone. */
  dress(zone: string, tickSize: number): void {
    this.colours = coloursOf(this.element);
    const { background, text, line, long, short, muted } = this.colours;
    // Over heat a solid line would cut it into fields.
    const faint = `${muted}1c`;
    const small = this.element.clientWidth < 600;
    const crosshair = { color: muted, labelBackgroundColor: this.colours.accent };
    this.chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: background },
        textColor: small ? muted : text,
        fontFamily: "Inter, system-ui, sans-serif",
        fontSize: small ? 10 : 11,
        attributionLogo: true,
        panes: { separatorColor: line, separatorHoverColor: `${muted}33`, enableResize: true },
      },
      grid: { vertLines: { color: faint }, horzLines: { color: faint } },
      crosshair: { vertLine: crosshair, horzLine: crosshair },
      localization: { timeFormatter: (time: Time) => formatTime(Number(time) * 1000, zone) },
      timeScale: {
        borderColor: line,
        tickMarkFormatter: (time: Time) => tickWords(Number(time) * 1000, zone),
      },
      rightPriceScale: { borderColor: line },
    });
    this.candles.applyOptions({
      upColor: short,
      downColor: long,
      wickUpColor: short,
      wickDownColor: long,
      borderVisible: false,
      priceFormat: {
        type: "custom",
        formatter: (value: number) => formatPrice(value, tickSize),
        minMove: tickSize,
      },
    });
    this.mark.applyOptions({ color: muted });
    this.panes.recolour(this.colours);
  }

  showHeat(heat: Heat, view: View, threshold: Usd): void {
    const isNew = heat !== this.shown;
    if (isNew) {
      this.shown = heat;
      this.mark.applyOptions({ price: heat.candles.close[heat.columns - 1] ?? 0 });
      const { open, high, low, close } = heat.candles;
      this.candles.setData(
        heat.startMs.map((start, i) => ({
          time: (start / 1000) as Time,
          open: open[i]!,
          high: high[i]!,
          low: low[i]!,
          close: close[i]!,
        })),
      );
    }
    this.candles.priceScale().applyOptions({
      mode: view.linear ? PriceScaleMode.Normal : PriceScaleMode.Logarithmic,
      scaleMargins: { top: 0.02, bottom: 0.02 },
    });
    const table = colourTable(view.palette, view.theme);
    const sides = sidesOf(view);
    this.heat.show(heat, { table, sides, threshold }, view.linear);
    // Another colour or another tier is no reason to lose one's place.
    const { symbol, venue, stepMs } = { ...heat.header, stepMs: heat.stepMs };
    const about = `${venue} ${symbol} ${view.range} ${stepMs}`;
    if (about !== this.fitted) {
      this.fitted = about;
      this.refit();
    } else if (isNew && this.isFitted) {
      this.fit();
    }
  }

  /** A bar has closed: the last column anew, nothing else. */
  updateLast(heat: Heat): void {
    const place = heat.columns - 1;
    const { open, high, low, close } = heat.candles;
    this.candles.update({
      time: (heat.startMs[place]! / 1000) as Time,
      open: open[place]!,
      high: high[place]!,
      low: low[place]!,
      close: close[place]!,
    });
    this.mark.applyOptions({ price: close[place]! });
    this.heat.updateLast();
  }

  showZones(zones: Zones | null, view: View): void {
    const wanted = zones && view.zones ? zones.zones : [];
    const own = wanted.filter((zone) => view.side === "both" || zone.side === view.side);
    const right = view.profile ? profileWidth(this.element.clientWidth) : 0;
    this.zones.show(own, this.colours, view.bands, right);
  }

  showLadder(ladder: Ladder | null, view: View): void {
    const width = profileWidth(this.element.clientWidth);
    this.profile.show(view.profile ? ladder : null, {
      ...this.colours,
      tiers: tiersOf(view),
      side: view.side,
      bands: view.bands,
      width,
      linear: view.linear,
    });
    // Candles end where labels and the profile begin.
    const labels = view.zones && this.element.clientWidth >= 600 ? LABELS : 0;
    const right = GAP + labels + (view.profile ? width : 0);
    // Said again it would move the chart back to its end.
    if (right !== this.right) this.chart.timeScale().applyOptions({ rightOffsetPixels: right });
    this.right = right;
    if (this.isFitted) this.fit();
  }

  showSeries(series: Series | null, heat: Heat | null, view: View): void {
    this.panes.choose(view.panes);
    if (!series || !heat) return;
    this.panes.show(series, heat.startMs, heat.stepMs, view.horizon);
    this.bubbles.show(view.bubbles ? bubblesOf(series, heat, view.side) : [], this.colours);
  }

  /** All of the range again, and prices as they fit. */
  refit(): void {
    this.isFitted = true;
    this.held = null;
    this.heat.isFitted = true;
    this.candles.priceScale().applyOptions({ autoScale: true });
    if (this.goal) this.candles.removePriceLine(this.goal);
    this.goal = null;
    this.fit();
  }

  /** Somebody moved the chart: it is not fitted again by itself. */
  touched(): void {
    this.isFitted = false;
  }

  private fit(): void {
    const columns = this.shown?.columns ?? 0;
    const scale = this.chart.timeScale();
    const width = scale.width();
    if (columns === 0 || width < this.right + 50) return;
    const spacing = (width - this.right) / columns;
    scale.setVisibleLogicalRange({ from: 0, to: columns - 1 + this.right / spacing });
  }

  /** Put a price into the middle and mark it. */
  goTo(target: Price): void {
    const held = this.candles.priceScale().getVisibleRange();
    if (held && held.from > 0) {
      const half = Math.log(held.to / held.from) / 2;
      this.showPrices(target * Math.exp(-half), target * Math.exp(half));
    }
    if (this.goal) this.candles.removePriceLine(this.goal);
    this.goal = this.candles.createPriceLine({
      price: target,
      color: this.colours.accent,
      lineStyle: LineStyle.Dotted,
      lineWidth: 1,
      title: "go to",
    });
  }

  /** Fewer prices (below 1) or more of them, about a height in the pane. */
  zoomPrices(factor: number, y: number): void {
    const scale = this.candles.priceScale();
    const held = scale.getVisibleRange();
    const about = this.candles.coordinateToPrice(y);
    if (!held || about === null || !(held.from > 0)) return;
    this.showPrices(about * (held.from / about) ** factor, about * (held.to / about) ** factor);
  }

  /**
   * Show exactly these prices.
   *
   * As what the scale should fit itself to: told of a range outright, a logarithmic scale takes
   * prices for logarithms.
   */
  private showPrices(from: number, to: number): void {
    const scale = this.candles.priceScale();
    this.heat.isFitted = false;
    this.held = { minValue: from, maxValue: to };
    scale.applyOptions({ autoScale: true });
    // Once it has, it is free to be dragged.
    requestAnimationFrame(() => {
      if (this.held) scale.applyOptions({ autoScale: false });
    });
  }

  /** Move or scale the visible time: by shares of what is visible. */
  moveTime(shift: number, factor = 1): void {
    const scale = this.chart.timeScale();
    const held = scale.getVisibleLogicalRange();
    if (!held) return;
    const width = held.to - held.from;
    const middle = (held.from + held.to) / 2 + shift * width;
    const half = Math.max(4, (width * factor) / 2);
    scale.setVisibleLogicalRange({ from: middle - half, to: middle + half });
  }

  movePrices(shift: number): void {
    const scale = this.candles.priceScale();
    const held = scale.getVisibleRange();
    if (!held || !(held.from > 0)) return;
    const by = (held.to / held.from) ** shift;
    this.showPrices(held.from * by, held.to * by);
  }

  /** What is visible: columns, the end not counted, and prices. */
  visible(): { from: number; to: number; low: Price; high: Price } | null {
    const columns = this.chart.timeScale().getVisibleLogicalRange();
    const prices = this.candles.priceScale().getVisibleRange();
    if (!columns || !prices) return null;
    return {
      from: Math.max(0, Math.ceil(columns.from - 0.5)),
      to: Math.floor(columns.to + 0.5) + 1,
      low: price(prices.from),
      high: price(prices.to),
    };
  }

  remove(): void {
    // What waits for the next frame finds nothing to do.
    this.isFitted = false;
    this.chart.remove();
  }
}

function tickWords(ms: number, zone: string): string {
  const hour = formatTime(ms, zone).slice(-5);
  return hour === "00:00" ? formatDay(ms, zone) : hour;
}

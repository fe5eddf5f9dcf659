// What lies beneath the candles on the same time axis: open interest, funding, flow, liquidations.
import {
  HistogramSeries,
  LineSeries,
  type IChartApi,
  type ISeriesApi,
  type Time,
  type WhitespaceData,
} from "lightweight-charts";

import type { SeriesSet } from "../api/types";
import { formatUsd } from "../model/format";

export type PaneName = "open_interest" | "funding" | "cvd" | "liquidations";

export const PANES: readonly (readonly [PaneName, string])[] = [
  ["open_interest", "Open interest"],
  ["funding", "Funding per 8 h"],
  ["cvd", "CVD"],
  ["liquidations", "Liquidations"],
];

export interface PaneColours {
  line: string;
  long: string;
  short: string;
  muted: string;
}

type Point = { time: Time; value: number } | WhitespaceData<Time>;
type AnySeries = ISeriesApi<"Line", Time> | ISeriesApi<"Histogram", Time>;

const HEIGHT = 0.16;

/** Panes that are shown, each with the series in it. */
export class SubPanes {
  private readonly shown = new Map<PaneName, AnySeries[]>();

  constructor(
    private readonly chart: IChartApi,
    private colours: PaneColours,
  ) {}

  get names(): PaneName[] {
    return [...this.shown.keys()];
  }

  /** Show exactly these panes, in the order that all are listed in. */
  choose(names: readonly PaneName[]): void {
    for (const series of [...this.shown.values()].flat()) this.chart.removeSeries(series);
    this.shown.clear();
    PANES.filter(([name]) => names.includes(name)).forEach(([name, title], place) => {
      this.shown.set(name, this.make(name, title, place + 1));
      this.chart.panes()[place + 1]?.setStretchFactor(HEIGHT);
    });
    this.chart.panes()[0]?.setStretchFactor(1);
  }

  recolour(colours: PaneColours): void {
    this.colours = colours;
  }

  /** Lay what is held on the candles' own times; a bar without a figure is a gap, not a zero. */
  show(held: SeriesSet, starts: readonly number[], stepMs: number): void {
    const put = (name: PaneName, index: number, points: Point[]): void => {
      const series = this.shown.get(name)?.[index];
      if (series) series.setData(points as never);
    };
    const interest = held.open_interest;
    put("open_interest", 0, last(starts, stepMs, interest?.time_ms, interest?.open_interest_usd));
    const funding = held.funding;
    const perEight = funding?.funding_rate.map((rate, i) => {
      const hours = funding.interval_hours[i];
      return hours ? (rate * 8 * 100) / hours : null;
    });
    put("funding", 0, last(starts, stepMs, funding?.time_ms, perEight, 9 * 3_600_000));
    put("cvd", 0, last(starts, stepMs, held.cvd?.time_ms, held.cvd?.cvd));
    const forced = held.liquidations;
    put("liquidations", 0, sums(starts, stepMs, forced?.time_ms, forced?.long_usd, -1));
    put("liquidations", 1, sums(starts, stepMs, forced?.time_ms, forced?.short_usd, 1));
  }

  private make(name: PaneName, title: string, pane: number): AnySeries[] {
    const common = { priceLineVisible: false, lastValueVisible: true, title };
    const usd = { type: "custom" as const, formatter: (v: number) => formatUsd(Math.abs(v)) };
    if (name === "liquidations") {
      return [
        this.chart.addSeries(
          HistogramSeries,
          { ...common, title: "Longs liquidated", color: this.colours.long, priceFormat: usd },
          pane,
        ),
        this.chart.addSeries(
          HistogramSeries,
          { ...common, title: "Shorts liquidated", color: this.colours.short, priceFormat: usd },
          pane,
        ),
      ];
    }
    const percent = { type: "custom" as const, formatter: (v: number) => `${v.toFixed(4)} %` };
    const coins = { type: "volume" as const };
    const priceFormat = name === "funding" ? percent : name === "cvd" ? coins : usd;
    const options = { ...common, color: this.colours.line, lineWidth: 2 as const, priceFormat };
    return [this.chart.addSeries(LineSeries, options, pane)];
  }
}

type Figures = readonly (number | null)[] | undefined;

/** The newest figure at the end of every column; a gap where it is older than allowed. */
export function last(
  starts: readonly number[],
  stepMs: number,
  times: readonly number[] | undefined,
  figures: Figures,
  maxAgeMs = 0,
): Point[] {
  if (!times || !figures) return [];
  let place = -1;
  return starts.map((start) => {
    const end = start + stepMs;
    while (place + 1 < times.length && times[place + 1]! <= end) place += 1;
    const value = place >= 0 ? figures[place] : null;
    const fresh = place >= 0 && end - times[place]! <= Math.max(stepMs, maxAgeMs);
    const time = (start / 1000) as Time;
    return fresh && value !== null && value !== undefined ? { time, value } : { time };
  });
}

/** The sum of what came within every column; a gap where nothing is known of it. */
export function sums(
  starts: readonly number[],
  stepMs: number,
  times: readonly number[] | undefined,
  figures: Figures,
  sign: number,
): Point[] {
  if (!times || !figures) return [];
  let place = 0;
  return starts.map((start) => {
    const end = start + stepMs;
    while (place < times.length && times[place]! <= start) place += 1;
    let total: number | null = null;
    for (; place < times.length && times[place]! <= end; place += 1) {
      const value = figures[place];
      if (value !== null && value !== undefined) total = (total ?? 0) + value;
    }
    const time = (start / 1000) as Time;
    return total === null ? { time } : { time, value: sign * total };
  });
}

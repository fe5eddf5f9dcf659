// What lies beneath the candles on the same time axis: open interest, funding, flow, liquidations.
// In: the series' answer and the columns' times. Out: panes of the chart. [USD, %, base coins]
import {
  BaselineSeries,
  HistogramSeries,
  LineSeries,
  LineStyle,
  LineType,
  PriceScaleMode,
  type IChartApi,
  type ISeriesApi,
  type Time,
  type WhitespaceData,
} from "lightweight-charts";

import type { Series, SeriesSet, ToldSeries } from "../api/types";
import { formatProbability, formatSignedPercent, formatUsd } from "../model/format";
import { PANES, type PaneName } from "../model/view";
import { PaneLabel, type Word } from "./pane_label";

export const TITLES: Record<PaneName, string> = {
  open_interest: "Open interest",
  funding: "Funding per 8 h",
  cvd: "CVD",
  liquidations: "Realised liquidations",
  long_short_ratio: "Longs to shorts, accounts",
  basis: "Basis over spot",
  forecast_chance: "Chance of a cascade",
  forecast_size: "Liquidations to expect",
};

/** Panes whose figures are of a time ahead. */
const AHEAD: readonly PaneName[] = ["forecast_chance", "forecast_size"];
// What was told at an hour holds until the next.
const TOLD_FOR_MS = 3_600_000;

export interface PaneColours {
  line: string;
  accent: string;
  second: string;
  long: string;
  short: string;
  text: string;
  muted: string;
}

type Point = { time: Time; value: number } | WhitespaceData<Time>;
type Kind = "Line" | "Histogram" | "Baseline";
type AnySeries = ISeriesApi<Kind, Time>;

/** One line of a pane: what it is called, which colour, how its figures are written. */
interface Line {
  name: string;
  kind: Kind;
  /** Whether a figure holds until the next one comes. */
  steps?: true;
  look?: "dotted" | "faint";
  isLog?: true;
  colour: (colours: PaneColours) => string;
  write: (value: number) => string;
  points: (held: SeriesSet, starts: readonly number[], stepMs: number) => Point[];
}

interface Shown {
  label: PaneLabel;
  series: AnySeries[];
  /** Of every series its newest figure; null where it has none. */
  newest: (number | null)[];
}

// Funding settles every 8 hours at most of the venues, and holds until the next time.
const FUNDING_HELD_MS = 9 * 3_600_000;
const coins = (value: number): string => formatUsd(value).replace("$", "");
const perEight = (held: SeriesSet): (number | null)[] | undefined =>
  held.funding?.funding_rate.map((rate, i) => {
    const hours = held.funding?.interval_hours[i];
    return hours ? (rate * 8 * 100) / hours : null;
  });
const percents = (values: readonly (number | null)[] | undefined): Figures =>
  values?.map((value) => (value === null ? null : value * 100));

const LINES: Record<PaneName, readonly Line[]> = {
  open_interest: [
    {
      name: "",
      kind: "Line",
      colour: ({ accent }) => accent,
      write: formatUsd,
      points: ({ open_interest: of }, starts, step) =>
        last(starts, step, of?.time_ms, of?.open_interest_usd),
    },
  ],
  funding: [
    {
      name: "",
      kind: "Baseline",
      steps: true,
      colour: ({ accent }) => accent,
      write: (value) => formatSignedPercent(value, 4),
      points: (held, starts, step) =>
        last(starts, step, held.funding?.time_ms, perEight(held), FUNDING_HELD_MS),
    },
  ],
  cvd: [
    {
      name: "perpetual",
      kind: "Line",
      colour: ({ accent }) => accent,
      write: coins,
      points: ({ cvd }, starts, step) => last(starts, step, cvd?.time_ms, cvd?.cvd),
    },
    {
      name: "spot",
      kind: "Line",
      colour: ({ second }) => second,
      write: coins,
      points: ({ cvd_spot: spot }, starts, step) => last(starts, step, spot?.time_ms, spot?.cvd),
    },
  ],
  liquidations: [
    {
      name: "longs",
      kind: "Histogram",
      colour: ({ long }) => long,
      write: (value) => formatUsd(Math.abs(value)),
      points: ({ liquidations: of }, starts, step) =>
        sums(starts, step, of?.time_ms, of?.long_usd, -1),
    },
    {
      name: "shorts",
      kind: "Histogram",
      colour: ({ short }) => short,
      write: formatUsd,
      points: ({ liquidations: of }, starts, step) =>
        sums(starts, step, of?.time_ms, of?.short_usd, 1),
    },
  ],
  long_short_ratio: [
    {
      name: "",
      kind: "Line",
      colour: ({ accent }) => accent,
      write: (value) => value.toFixed(2),
      points: ({ long_short_ratio: of }, starts, step) =>
        last(starts, step, of?.time_ms, of?.ratio, 3_600_000),
    },
  ],
  forecast_chance: (["down", "up"] as const).flatMap((way) => [
    {
      name: way,
      kind: "Line" as const,
      steps: true as const,
      colour: ({ long, short }: PaneColours) => (way === "down" ? long : short),
      write: formatProbability,
      points: toldPoints((told) => told[way].ours),
    },
    {
      name: "usual",
      kind: "Line" as const,
      steps: true as const,
      look: "dotted" as const,
      colour: ({ long, short }: PaneColours) => (way === "down" ? long : short),
      write: formatProbability,
      points: toldPoints((told) => told[way].usual),
    },
  ]),
  forecast_size: (["longs", "shorts"] as const).flatMap((side) => [
    {
      name: side,
      kind: "Line" as const,
      steps: true as const,
      isLog: true as const,
      colour: ({ long, short }: PaneColours) => (side === "longs" ? long : short),
      write: formatUsd,
      points: toldPoints((told) => told[side].ours),
    },
    {
      name: "95 %",
      kind: "Line" as const,
      steps: true as const,
      isLog: true as const,
      look: "faint" as const,
      colour: ({ long, short }: PaneColours) => (side === "longs" ? long : short),
      write: formatUsd,
      points: toldPoints((told) => told[side].most),
    },
    {
      name: "baseline",
      kind: "Line" as const,
      steps: true as const,
      isLog: true as const,
      look: "dotted" as const,
      colour: ({ long, short }: PaneColours) => (side === "longs" ? long : short),
      write: formatUsd,
      points: toldPoints((told) => told[side].usual),
    },
  ]),
  basis: [
    {
      name: "",
      kind: "Baseline",
      colour: ({ accent }) => accent,
      write: (value) => formatSignedPercent(value, 3),
      points: ({ basis: of }, starts, step) => last(starts, step, of?.time_ms, percents(of?.basis)),
    },
  ],
};

function toldPoints(of: (told: ToldSeries) => readonly (number | null)[]): Line["points"] {
  return ({ told }, starts, step) =>
    told ? last(starts, step, told.time_ms, of(told), TOLD_FOR_MS) : [];
}

const STRETCH = 0.17;
const EMPTY = 0.05;

/** Panes that are shown, each with the series in it. */
export class SubPanes {
  private readonly shown = new Map<PaneName, Shown>();
  private held: Series | null = null;
  private horizon = 24;

  constructor(
    private readonly chart: IChartApi,
    private colours: PaneColours,
  ) {}

  get names(): PaneName[] {
    return [...this.shown.keys()];
  }

  /** Show exactly these panes, in the order that all are listed in. */
  choose(names: readonly PaneName[]): void {
    if (names.join() === this.names.join()) return;
    for (const { series } of this.shown.values()) {
      for (const one of series) this.chart.removeSeries(one);
    }
    this.shown.clear();
    PANES.filter((name) => names.includes(name)).forEach((name, place) => {
      const series = LINES[name].map((line) => this.make(line, place + 1));
      const label = new PaneLabel();
      const pane = this.chart.panes()[place + 1]!;
      pane.attachPrimitive(label);
      pane.setStretchFactor(STRETCH);
      this.shown.set(name, { label, series, newest: series.map(() => null) });
    });
    this.chart.panes()[0]?.setStretchFactor(1);
    this.say(null);
  }

  recolour(colours: PaneColours): void {
    this.colours = colours;
    for (const [name, { series }] of this.shown) {
      LINES[name].forEach((line, i) => {
        series[i]?.applyOptions(optionsOf(line, colours));
      });
    }
    this.say(null);
  }

  /** Lay what is held on the candles' own times; a bar without a figure is a gap, not a zero. */
  show(held: Series, starts: readonly number[], stepMs: number, horizon: number): void {
    this.held = held;
    this.horizon = horizon;
    for (const [name, shown] of this.shown) {
      LINES[name].forEach((line, i) => {
        const points = line.points(held.series, starts, stepMs);
        shown.series[i]?.setData(points as never);
        shown.newest[i] = newestOf(points);
      });
    }
    this.size();
    this.say(null);
  }

  /** A pane without figures takes a line, not a field. */
  private size(): void {
    for (const [name, { newest, label }] of this.shown) {
      const place = this.names.indexOf(name) + 1;
      const any = newest.some((value) => value !== null);
      const isLow = !any && this.held !== null;
      this.chart.panes()[place]?.setStretchFactor(isLow ? EMPTY : STRETCH);
      // The library's sign stands in the lowest pane's corner.
      label.left = isLow && place === this.shown.size ? 46 : 10;
    }
  }

  /** Write each pane's name, and its figures at a column; the newest where none is pointed at. */
  say(column: number | null): void {
    for (const [name, { label, series, newest }] of this.shown) {
      const ahead = AHEAD.includes(name) ? ` within ${this.horizon} h` : "";
      const words: Word[] = [{ text: TITLES[name] + ahead, colour: this.colours.muted }];
      let found = false;
      LINES[name].forEach((line, i) => {
        const value = column === null ? newest[i]! : valueAt(series[i]!, column);
        found ||= newest[i] !== null;
        if (line.name) words.push({ text: line.name, colour: this.colours.muted });
        const text = value === null ? "–" : line.write(value);
        words.push({ text, colour: line.colour(this.colours) });
      });
      if (!found) {
        words.splice(1, words.length, { text: this.why(name), colour: this.colours.muted });
      } else if (name === "liquidations") {
        const { completeness } = this.held?.series.liquidations ?? {};
        if (completeness) words.push({ text: `(${completeness} feed)`, colour: this.colours.muted });
      }
      label.say(words);
    }
  }

  private why(name: PaneName): string {
    if (!this.held) return "";
    return this.held.missing[name]?.replace(/\s+hint: /, "; try ") ?? "none is held in this range";
  }

  private make(line: Line, pane: number): AnySeries {
    const options = optionsOf(line, this.colours);
    const made: AnySeries =
      line.kind === "Histogram"
        ? this.chart.addSeries(HistogramSeries, options, pane)
        : line.kind === "Baseline"
          ? this.chart.addSeries(BaselineSeries, options, pane)
          : this.chart.addSeries(LineSeries, options, pane);
    // Above stands the pane's name, which no line may run through.
    made.priceScale().applyOptions({
      scaleMargins: { top: 0.26, bottom: 0.06 },
      mode: line.isLog ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal,
    });
    return made;
  }
}

function optionsOf(line: Line, colours: PaneColours): object {
  const colour = line.colour(colours);
  const clear = `${colours.short}00`;
  return {
    priceLineVisible: false,
    lastValueVisible: false,
    crosshairMarkerVisible: false,
    lineWidth: line.look ? 1 : 1.5,
    lineStyle: line.look === "dotted" ? LineStyle.Dotted : LineStyle.Solid,
    lineType: line.steps ? LineType.WithSteps : LineType.Simple,
    color: line.look === "faint" ? `${colour}66` : colour,
    priceFormat: { type: "custom", formatter: line.write, minMove: 1e-6 },
    ...(line.kind === "Baseline"
      ? {
          baseValue: { type: "price", price: 0 },
          topLineColor: colours.short,
          bottomLineColor: colours.long,
          topFillColor1: `${colours.short}33`,
          topFillColor2: clear,
          bottomFillColor1: `${colours.long}00`,
          bottomFillColor2: `${colours.long}33`,
        }
      : {}),
  };
}

/** A series' figure at a column. */
function valueAt(series: AnySeries, column: number): number | null {
  const point = series.dataByIndex(column as never);
  return point && "value" in point ? point.value : null;
}

function newestOf(points: readonly Point[]): number | null {
  for (let place = points.length - 1; place >= 0; place -= 1) {
    const point = points[place]!;
    if ("value" in point) return point.value;
  }
  return null;
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

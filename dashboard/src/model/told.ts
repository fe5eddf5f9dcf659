// What was told ahead over time, of one horizon, as lines beneath the chart.
// In: the forecast's course. Out: `ToldSeries`. [1, USD, UTC ms] Free of drawing.
import { ApiError } from "../api/client";
import type { ForecastCourse } from "../api/answers";
import type { Series, ToldLine, ToldSeries } from "../api/types";

export const HORIZONS = [1, 4, 8, 24] as const;
export type Horizon = (typeof HORIZONS)[number];

/** The lines of one horizon. */
export function toldOf(course: ForecastCourse, horizon: Horizon): ToldSeries {
  const chance = (direction: "down" | "up"): ToldLine => {
    const one = course.chances.find(
      (held) => held.direction === direction && held.horizon_h === horizon,
    );
    return { ours: one?.probability ?? [], usual: one?.climatology ?? [] };
  };
  const size = (side: "long" | "short"): ToldLine & { most: (number | null)[] } => {
    const one = course.sizes.find((held) => held.side === side && held.horizon_h === horizon);
    return {
      ours: one?.quantiles_usd?.["0.5"] ?? [],
      most: one?.quantiles_usd?.["0.95"] ?? [],
      usual: one?.baseline_quantiles_usd?.["0.5"] ?? [],
    };
  };
  return {
    time_ms: course.time_ms,
    down: chance("down"),
    up: chance("up"),
    longs: size("long"),
    shorts: size("short"),
  };
}

interface HeldCourse {
  value: ForecastCourse | null;
  error: Error | null;
}

/** The series with what was told, or with why nothing was. */
export function withTold(series: Series | null, course: HeldCourse, horizon: Horizon): Series | null {
  if (!series) return null;
  const { value, error } = course;
  const about = value?.venue === series.venue && value.symbol === series.symbol ? value : null;
  const hint = error instanceof ApiError && error.hint ? ` (${error.hint})` : "";
  const why = error ? `${error.message}${hint}` : "being read";
  if (!about || error) {
    return { ...series, missing: { ...series.missing, forecast_chance: why, forecast_size: why } };
  }
  const before = about.missing.before ?? "no hour of this range was told";
  return {
    ...series,
    series: { ...series.series, told: toldOf(about, horizon) },
    missing: {
      ...series.missing,
      forecast_chance: before,
      forecast_size: about.missing.size ?? before,
    },
  };
}

// One way to write every number a person sees.
import type { Price, Usd } from "./nominal";

const UNITS: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
];

/** $12.4K, $3.21M, $1.1B: three figures. */
export function formatUsd(value: Usd | number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  for (const [unit, letter] of UNITS) {
    // Rounding to three figures may lift a number into the next unit.
    if (size >= unit * 0.9995) return `${sign}$${threeFigures(size / unit)}${letter}`;
  }
  return `${sign}$${size.toFixed(size > 0 && size < 10 ? 2 : 0)}`;
}

function threeFigures(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/**
 * A tick size where the venue's own is not held: six figures of the price, a power of ten.
 *
 * Some lakes hold prices without the instruments they belong to.
 */
export function tickNear(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 0.01;
  return 10 ** Math.min(0, Math.floor(Math.log10(value)) - 5);
}

// As with clocks: asked for by every label of every frame.
const PRICES = new Map<number, Intl.NumberFormat>();

/** With the decimals of the tick size and thousands apart. */
export function formatPrice(value: Price | number | null, tickSize: number): string {
  if (value === null || !Number.isFinite(value)) return "–";
  let writer = PRICES.get(tickSize);
  if (!writer) {
    const places = decimals(tickSize);
    writer = new Intl.NumberFormat("en-US", {
      minimumFractionDigits: places,
      maximumFractionDigits: places,
    });
    PRICES.set(tickSize, writer);
  }
  return writer.format(value);
}

/** Decimals that a tick size needs. */
export function decimals(tickSize: number): number {
  if (!(tickSize > 0)) return 2;
  for (let places = 0; places < 12; places += 1) {
    const scaled = tickSize * 10 ** places;
    // A tick far below one is no whole number of anything yet, however near to zero.
    if (scaled > 0.5 && Math.abs(scaled - Math.round(scaled)) < 1e-6) return places;
  }
  return 12;
}

/** +2.88 %, −0.67 %: the sign is always said. */
export function formatSignedPercent(value: number | null, places = 2): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(places);
  const sign = Number(text) === 0 ? "" : value < 0 ? "−" : "+";
  return `${sign}${text} %`;
}

/** A probability as a share: 12 %, 0.4 %, <0.1 %. */
export function formatProbability(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  return `${percent < 9.95 && percent > 0 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** 4 s, 12 min, 3.5 h, 2.1 d. */
export function formatAge(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return "unknown";
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} d`;
}

// Making one costs more than a frame may; a page knows few zones.
const CLOCKS = new Map<string, Intl.DateTimeFormat>();

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = CLOCKS.get(zone);
  if (!clock) {
    clock = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    CLOCKS.set(zone, clock);
  }
  return clock;
}

/** A moment in a time zone, to the minute. */
export function formatTime(ms: number, zone: string): string {
  const parts = clockOf(zone).formatToParts(ms);
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? "";
  return `${of("year")}-${of("month")}-${of("day")} ${of("hour")}:${of("minute")}`;
}

const DAYS = new Map<string, Intl.DateTimeFormat>();

/** A day in a time zone, short: 5 Feb. */
export function formatDay(ms: number, zone: string): string {
  let day = DAYS.get(zone);
  if (!day) {
    day = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" });
    DAYS.set(zone, day);
  }
  return day.format(ms);
}

// Answers that panels read, as far as the page reads them. Ratios are fractions, *_pct percent.
import type { Stated, Zone } from "./types";

export type Direction = "up" | "down" | "none" | "both";
export type Verdict = "on" | "off" | "unknown";

export interface SignalReading {
  signal: string;
  title: string;
  value: number | null;
  unit: string;
  threshold: number | null;
  threshold_words: string;
  verdict: Verdict;
  direction: Direction;
  why: string;
  inputs: { table: string; age_s: number | null }[];
  record: { words?: string; [key: string]: unknown } | string | null;
}

export interface Loading {
  score: number | null;
  down: number | null;
  up: number | null;
  known_weight: number;
  weight: number;
  on: string[];
  off: string[];
  unknown: string[];
  words: string;
}

export interface Signals extends Stated {
  known_to: string;
  price: number | null;
  loading: Loading;
  pressure_gauge: number | null;
  crowding: number | null;
  signals: SignalReading[];
}

export interface Range {
  usd: number;
  low: number;
  high: number;
}

export interface Chance {
  value: number | null;
  standard_error: number | null;
  n: number;
  kind?: string;
}

export interface Domino {
  side: "long" | "short";
  low: number;
  high: number;
  trigger_price: number;
  notional_usd: Range;
  slippage_pct: number | null;
  gap_to_next_pct: number | null;
  cumulative_move_pct: number | null;
  absorbed: boolean | null;
  p_reach: Chance | null;
  p_reach_volatility_only: Chance | null;
  p_next_given_this: Chance | null;
  p_next_given_this_volatility_only: Chance | null;
}

interface Middle {
  low: number;
  middle: number;
  high: number;
}

export interface Cascade extends Stated {
  mark_price: number;
  start: { words: string; price: number; shock_pct: number };
  horizon_ms: number;
  scenarios: number;
  warnings: string[];
  dominoes: Domino[];
  end_price: Record<"up" | "down", { of: string; n: number; furthest: Middle | null } | null>;
  bands: Record<
    "up" | "down",
    { forced_usd: Middle; amplification: Middle | null; expected_forced_usd: number } | null
  >;
  base_rates: BaseRate[];
}

export interface BaseRate {
  direction: "up" | "down";
  small_pct: number;
  large_pct: number;
  within_ms: number;
  n: number;
  grew: number;
  interval_80: [number, number] | null;
}

export interface WhatIf extends Stated {
  mark_price: number;
  to_price: number;
  move_pct: number;
  standing_notional_if_touched: Record<"long" | "short", Range & { prior_share: number }>;
  curve: { price: number; move_pct: number; long: Range; short: Range }[];
}

export interface Check {
  value: number | null;
  unit: string;
  verdict: string;
  evidence: string;
  age_s: number | null;
}

export interface Plan {
  direction: "up" | "down";
  trigger_kind: string;
  trigger: number | null;
  invalidation: number | null;
  target: number | null;
  distance_pct: number | null;
  reward_to_risk: number | null;
  chance_without_drift: number | null;
  chance_to_pay: number | null;
  no_trade: boolean;
  reason: string;
}

export interface Playbook extends Stated {
  mark_price: number;
  way_at_risk: { direction: Direction; why: string } | null;
  checklist: Record<string, Check>;
  unknown: string[];
  no_trade: boolean;
  reason: string;
  plans: Partial<Record<"up" | "down", Plan | null>>;
  rules: { name: string; title: string; standing: string; words: string }[];
  regime: Regime | null;
  base_rates: BaseRate[];
  words: string;
}

export interface Regime {
  regime: string;
  title: string;
  direction: Direction;
  since_ms: number | null;
  evidence: string[];
  ends_when: string;
}

export interface ForecastChance {
  event: string;
  event_words: string;
  direction: string;
  horizon_h: number;
  shown: number | null;
  shown_is: string;
  probability: number | null;
  low: number | null;
  high: number | null;
  climatology: number | null;
  volatility: number | null;
  driver_words: string | string[];
  alarm: string | boolean | null;
  standing: { holds: boolean; why: string };
  record: {
    from: string;
    to: string;
    hours: number;
    events: number;
    base_rate: number | null;
    gain_bits_over_climatology: number | null;
    reliability: { said: number; happened: number; low: number | null; high: number | null }[];
  } | null;
  record_words: string | string[];
}

export interface ForecastSize {
  side: "long" | "short";
  horizon_h: number;
  quantiles_usd: Record<string, number>;
  baseline_quantiles_usd: Record<string, number> | null;
  usual_hour_usd: number;
}

export interface Forecast extends Stated {
  headline: string | string[];
  chances: ForecastChance[];
  sizes: ForecastSize[];
  tomorrow: { day: string; probability: number | null; baseline: number | null } | null;
  model: { name: string; fit_to: string; fit_age_days: number | null; card: string[] };
  missing: Record<string, string>;
}

type Told = (number | null)[];

export interface ForecastCourse extends Stated {
  event: string;
  event_words: string;
  time_ms: number[];
  chances: { direction: "down" | "up"; horizon_h: number; probability: Told; climatology: Told }[];
  sizes: {
    side: "long" | "short";
    horizon_h: number;
    quantiles_usd: Record<string, Told> | null;
    baseline_quantiles_usd: Record<string, Told> | null;
  }[];
  models: { name: string; fit_to: string; from: string; to: string }[];
  missing: Record<string, string>;
}

export interface CalendarEvent {
  event: string;
  country: string;
  time: string;
  time_of_day_known: boolean;
  window_start: string;
  window_end: string;
  open: boolean;
  hours_to_window: number | null;
  weight: number;
  status: string;
  trust: string | null;
}

export interface Calendar {
  at: string;
  simulated: boolean;
  next_funding: { venue: string; time: string } | null;
  events: CalendarEvent[];
  missing: { event: string; from: string; to: string; why: string }[];
}

export interface Scan {
  at: string;
  simulated: boolean;
  by: string;
  markets: Signals[];
  left_out: (string | { symbol?: string; venue?: string; why?: string; reason?: string })[];
}

export interface Figure {
  metric: string;
  horizon: string | null;
  n: number | null;
  n_days?: number | null;
  value: number | null;
  baseline_value: number | null;
  ci: [number | null, number | null] | null;
  p_adj: number | null;
}

export interface RecordOf {
  from: string;
  to: string;
  simulated: boolean;
  words?: Record<string, string> | string | string[];
  figures?: Record<string, Figure[]>;
  [key: string]: unknown;
}

export interface Scorecard extends Stated {
  records: {
    signals: RecordOf | null;
    second_leg: RecordOf | null;
    regimes: RecordOf | null;
    map: { name: string; fit_to: string; level: string; targets: string } | null;
  };
  missing: Record<string, string>;
}

export interface CoverageTable {
  table: string;
  venue: string;
  symbol: string;
  price_type: string | null;
  rows: number;
  first_event_time: string | null;
  last_event_time: string | null;
  gap_count: number | null;
  longest_gap: string | number | null;
  completeness: string | null;
  simulated: boolean;
}

export interface Coverage {
  tables: CoverageTable[];
}

export type Badge = "LIVE" | "PARTIAL" | "STALE" | "REPLAY" | "STORED";

export interface Health {
  status: string;
  version: string;
  now: string;
  simulated: boolean;
  live: boolean;
  sources: { market: string; badge: Badge; age_s: number | null }[];
  events: { clients: number };
  answers: { cached: number; running: number; waiting: number };
}

/** What the stream tells of a market at a bar close. */
export interface Update {
  symbol: string;
  venue: string;
  simulated: boolean;
  at: string;
  badge: Badge;
  mark_price: number | null;
  problem: string | null;
  freshness: { age_s: number | null; sources: Record<string, number | null>; late: string[] };
  zones: Zone[] | null;
  loading: Loading | null;
  signals: SignalReading[] | null;
  cascade: { at: string; problem: string | null; answer: Cascade | null } | null;
  forecast: { at: string; problem: string | null; answer: Forecast | null } | null;
}

export interface Alert {
  key: string;
  rule: string;
  kind: string;
  title: string;
  text: string;
  at: string;
  venue: string;
  symbol: string;
  simulated: boolean;
  direction: Direction | null;
  price: number | null;
  /** Why it was listed and not sent; null where it was. Events of the stream have none. */
  suppressed?: string | null;
  deliveries?: Record<string, { state: string; attempts: number; problem: string | null }>;
}

export interface Alerts {
  watched: boolean;
  rules: { name: string; kind: string; symbols: string[]; venues: string[]; fires_at: Record<string, unknown> }[];
  outbox: { deliveries: Record<string, number>; disabled: Record<string, string> };
  alerts: Alert[];
}

/** Liquidations that a venue's feed printed, as they came. */
export interface Prints {
  simulated: boolean;
  count: number;
  longs_usd: number;
  shorts_usd: number;
  completeness: string;
  prints: { at: string; side: "long" | "short"; price: number; notional_usd: number }[];
}

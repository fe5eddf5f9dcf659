// The picture of the chain: price upwards, what stands on the way sideways, a handle across.
import { useRef } from "preact/hooks";

import type { Domino } from "../api/answers";
import { formatPrice, formatSignedPercent, formatUsd } from "../model/format";
import type { Standing } from "../model/standing";

const WIDTH = 340;
const HEIGHT = 300;
const LEFT = 58;
const TOP = 10;
const REACH = 15;

interface Props {
  mark: number;
  tick: number;
  /** Where the handle is. [% from the mark] */
  movePct: number;
  curves: Record<"long" | "short", Standing[]>;
  dominoes: readonly Domino[];
  onMove: (pct: number) => void;
}

const yOf = (pct: number): number => TOP + ((REACH - pct) / (2 * REACH)) * (HEIGHT - 2 * TOP);

export function ChainPicture({ mark, tick, movePct, curves, dominoes, onMove }: Props) {
  const svg = useRef<SVGSVGElement>(null);
  const held = useRef(false);
  const every = [...curves.long, ...curves.short];
  const most = Math.max(1, ...every.map((one) => one.total.high));
  const middle = Math.max(1, ...every.map((one) => one.total.usd));
  // The upper end of the range may be many times the middle; the middle decides the scale.
  const full = Math.min(most, 2 * middle);
  const xOf = (usd: number): number => LEFT + Math.min(1, usd / full) * (WIDTH - LEFT - 8);
  const move = (pct: number): void => {
    const fine = Math.round(Math.min(REACH, Math.max(-REACH, pct)) * 100) / 100;
    onMove(Math.abs(fine) < 0.05 ? 0 : fine);
  };
  const point = (event: PointerEvent): void => {
    const box = svg.current!.getBoundingClientRect();
    const y = ((event.clientY - box.top) / box.height) * HEIGHT;
    move(REACH - ((y - TOP) / (HEIGHT - 2 * TOP)) * 2 * REACH);
  };
  const key = (event: KeyboardEvent): void => {
    const step = event.shiftKey ? 1 : 0.1;
    const next = keyed(event.key, movePct, step, dominoes, mark);
    if (next === null) return;
    event.preventDefault();
    move(next);
  };
  const y = yOf(movePct);
  return (
    <svg
      ref={svg}
      class="chain"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      onPointerDown={(event) => {
        held.current = true;
        svg.current!.setPointerCapture(event.pointerId);
        point(event);
      }}
      onPointerMove={(event) => held.current && point(event)}
      onPointerUp={() => (held.current = false)}
      onPointerCancel={() => (held.current = false)}
    >
      {[-15, -10, -5, 5, 10, 15].map((pct) => (
        <g key={pct} class="rule">
          <line x1={LEFT} x2={WIDTH} y1={yOf(pct)} y2={yOf(pct)} />
          <text x={LEFT - 6} y={yOf(pct) + 3} text-anchor="end">{formatSignedPercent(pct, 0)}</text>
        </g>
      ))}
      {(["long", "short"] as const).map((side) => (
        <g key={side} class={`curve ${side}`}>
          <path class="band" d={band(curves[side], xOf)} />
          <path class="middle" d={line(curves[side], xOf)} />
        </g>
      ))}
      {dominoes.map((one) => {
        const low = 100 * (one.low / mark - 1);
        const high = 100 * (one.high / mark - 1);
        if (low > REACH || high < -REACH) return null;
        const reached =
          one.side === "long"
            ? movePct < 0 && mark * (1 + movePct / 100) <= one.trigger_price
            : movePct > 0 && mark * (1 + movePct / 100) >= one.trigger_price;
        const top = yOf(Math.min(high, REACH));
        return (
          <rect
            key={`${one.side}${one.trigger_price}`}
            class={`zone ${one.side} ${reached ? "reached" : ""}`}
            x={LEFT}
            width={6}
            y={top}
            height={Math.max(2, yOf(Math.max(low, -REACH)) - top)}
            rx={1.5}
          />
        );
      })}
      <line class="mark" x1={LEFT} x2={WIDTH} y1={yOf(0)} y2={yOf(0)} />
      <text class="mark-words" x={LEFT - 6} y={yOf(0) + 3} text-anchor="end">mark</text>
      <text class="scale-words" x={WIDTH - 4} y={HEIGHT - 1} text-anchor="end">{formatUsd(full)}</text>
      {movePct !== 0 && (
        <rect
          class={`swept ${movePct < 0 ? "long" : "short"}`}
          x={LEFT}
          width={WIDTH - LEFT}
          y={Math.min(y, yOf(0))}
          height={Math.abs(y - yOf(0))}
        />
      )}
      <g
        class="handle"
        role="slider"
        tabindex={0}
        aria-label="Price to look at"
        aria-orientation="vertical"
        aria-valuemin={-REACH}
        aria-valuemax={REACH}
        aria-valuenow={movePct}
        aria-valuetext={`${formatPrice(mark * (1 + movePct / 100), tick)}, ${formatSignedPercent(movePct)}`}
        onKeyDown={key}
        transform={`translate(0 ${y})`}
      >
        <rect class="grab" x={LEFT - 4} y={-11} width={WIDTH - LEFT + 4} height={22} />
        <line x1={LEFT} x2={WIDTH} y1={0} y2={0} />
        <rect class="grip" x={WIDTH - 46} y={-9} width={44} height={18} rx={9} />
        <path class="grip-lines" d={`M${WIDTH - 30} -2.500h12M${WIDTH - 30} 2.500h12`} />
      </g>
    </svg>
  );
}

/** Where a key moves the handle to; null for a key that does not. [%] */
export function keyed(
  name: string,
  pct: number,
  step: number,
  dominoes: readonly Domino[],
  mark: number,
): number | null {
  const triggers = dominoes
    .map((one) => 100 * (one.trigger_price / mark - 1))
    .sort((a, b) => a - b);
  switch (name) {
    case "ArrowUp":
    case "ArrowRight":
      return pct + step;
    case "ArrowDown":
    case "ArrowLeft":
      return pct - step;
    case "PageUp":
      return triggers.find((one) => one > pct + 0.011) ?? REACH;
    case "PageDown":
      return triggers.findLast((one) => one < pct - 0.011) ?? -REACH;
    case "Home":
    case "Escape":
      return 0;
    default:
      return null;
  }
}

function line(curve: readonly Standing[], xOf: (usd: number) => number): string {
  return `M${curve.map((one) => `${xOf(one.total.usd)} ${yOf(one.movePct)}`).join("L")}`;
}

function band(curve: readonly Standing[], xOf: (usd: number) => number): string {
  const out = curve.map((one) => `${xOf(one.total.high)} ${yOf(one.movePct)}`);
  const back = curve.map((one) => `${xOf(one.total.low)} ${yOf(one.movePct)}`).reverse();
  return `M${[...out, ...back].join("L")}Z`;
}

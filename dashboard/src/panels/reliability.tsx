// A reliability diagram: what was said across, what happened up; on the diagonal it was true.
interface Point {
  said: number;
  happened: number;
  low: number | null;
  high: number | null;
}

const SIZE = 150;
const EDGE = 26;

export function Reliability({ points }: { points: readonly Point[] }) {
  const most = Math.max(0.001, ...points.flatMap((one) => [one.said, one.happened, one.high ?? 0])) * 1.1;
  const x = (share: number): number => EDGE + (share / most) * (SIZE * 1.8 - EDGE - 6);
  const y = (share: number): number => SIZE - 20 - (share / most) * (SIZE - 28);
  const band = points.filter((one) => one.low !== null && one.high !== null);
  const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;
  const upper = band.map((one) => `${x(one.said)} ${y(one.high!)}`);
  const lower = band.map((one) => `${x(one.said)} ${y(one.low!)}`).reverse();
  return (
    <svg
      class="reliability"
      viewBox={`0 0 ${SIZE * 1.8} ${SIZE}`}
      role="img"
      aria-label={points.map((one) => `said ${percent(one.said)}, happened ${percent(one.happened)}`).join("; ")}
    >
      <line class="axis" x1={EDGE} y1={y(0)} x2={SIZE * 1.8 - 6} y2={y(0)} />
      <line class="axis" x1={EDGE} y1={y(0)} x2={EDGE} y2={4} />
      <line class="even" x1={x(0)} y1={y(0)} x2={x(most)} y2={y(most)} />
      {band.length > 1 && <path class="band" d={`M${[...upper, ...lower].join("L")}Z`} />}
      {points.map((one) => (
        <circle key={one.said} cx={x(one.said)} cy={y(one.happened)} r={3} />
      ))}
      <text x={SIZE * 1.8 - 6} y={SIZE - 6} text-anchor="end">said, to {percent(most)}</text>
      <text x={EDGE + 4} y={12}>happened</text>
    </svg>
  );
}

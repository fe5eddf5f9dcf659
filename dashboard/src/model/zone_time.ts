// Wall clocks of the world: what a clock in a zone shows, and when it shows that.
// In: UTC ms or the text of a datetime field, an IANA zone. Out: the other. Free of the DOM.
import { formatTime } from "./format";

/** What a clock shows, for a datetime field: 2026-02-06T14:30. */
export function wallTime(ms: number, zone: string): string {
  return formatTime(ms, zone).replace(" ", "T");
}

/**
 * When a clock shows that; null where the text is no time.
 *
 * Where clocks go back a time comes twice: the first is meant. Where they go forward it never
 * comes: the time as long after the change is meant.
 */
export function utcOf(wall: string, zone: string): number | null {
  const plain = Date.parse(`${wall}Z`);
  if (!Number.isFinite(plain)) return null;
  const offsetAt = (ms: number): number => Date.parse(`${wallTime(ms, zone)}Z`) - floorMinute(ms);
  // The offset just before and just after any change nearby.
  const before = plain - offsetAt(plain - 86_400_000);
  const after = plain - offsetAt(plain + 86_400_000);
  const shows = (ms: number): boolean => wallTime(ms, zone) === wall.slice(0, 16);
  if (shows(before)) return before;
  return shows(after) ? after : before;
}

function floorMinute(ms: number): number {
  return Math.floor(ms / 60_000) * 60_000;
}

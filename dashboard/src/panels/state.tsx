// What a panel shows while it waits, when it failed, and how old what it shows is.
import type { ComponentChildren } from "preact";

import { ApiError } from "../api/client";
import { formatTime } from "../model/format";
import type { Held } from "../store/store";

interface Props<T> {
  held: Held<T>;
  /** What is being read, as in "Reading the signals". */
  what: string;
  children: (value: T) => ComponentChildren;
}

/** The answer, or what stands in its place and what to do. */
export function Answer<T>({ held, what, children }: Props<T>) {
  const { value, error, loading } = held;
  return (
    <div class={loading && value ? "answer is-waiting" : "answer"} aria-busy={loading}>
      {error && <Failure error={error} stale={value !== null} />}
      {value === null && !error && <Skeleton what={what} />}
      {value !== null && children(value)}
    </div>
  );
}

export function Failure({ error, stale = false }: { error: Error; stale?: boolean }) {
  const remedy =
    error instanceof ApiError
      ? error.status === 401
        ? "Open the address with ?token=TOKEN at its end."
        : (error.hint ?? (error.retryAfterS ? `Asked again in ${error.retryAfterS} s.` : null))
      : "Is the server running? forcedflow serve";
  return (
    <div class="failure" role="alert">
      <p>{error instanceof ApiError ? sentence(error.message) : "The server does not answer."}</p>
      {remedy && <Remedy text={remedy} />}
      {stale && <p class="muted">What is below was read before.</p>}
    </div>
  );
}

/** A command to type is set as one; a sentence is not. */
export function Remedy({ text }: { text: string }) {
  return /^(forcedflow|pip) /.test(text) ? <code class="remedy">{text}</code> : <p>{text}</p>;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

function Skeleton({ what }: { what: string }) {
  return (
    <div class="skeleton" role="status">
      <span>Reading {what}…</span>
      {[92, 76, 84, 60].map((width) => (
        <i key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** The moment of an answer, said where it is not the one that is looked at. */
export function AsOf({ at, wanted, zone }: { at: string; wanted: number | null; zone: string }) {
  const ms = Date.parse(at);
  if (wanted === null || Math.abs(ms - wanted) < 60_000) return null;
  return <p class="as-of">as of {formatTime(ms, zone)}, the newer moment is being read</p>;
}

export function sentence(text: string): string {
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

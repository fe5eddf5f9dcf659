// Views that a person keeps under a name, in this browser alone.
import { signal } from "@preact/signals";

const KEY = "forcedflow.layouts";

export type Layouts = Record<string, string>;

function read(): Layouts {
  try {
    const held: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof held !== "object" || held === null) return {};
    return Object.fromEntries(
      Object.entries(held).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
    );
  } catch {
    // Damaged or forbidden storage: begin with none, as on the first day.
    return {};
  }
}

export const layouts = signal<Layouts>(read());
/** Why the last change could not be kept; null where it was. */
export const layoutsProblem = signal<string | null>(null);

function keep(next: Layouts): void {
  layouts.value = next;
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
    layoutsProblem.value = null;
  } catch {
    layoutsProblem.value = "This browser keeps nothing: copy the link instead.";
  }
}

export function saveLayout(name: string, link: string): void {
  // A moment belongs to a link, not to a layout: tomorrow's look is at tomorrow.
  const pairs = new URLSearchParams(link.replace(/^#/, ""));
  pairs.delete("at");
  keep({ ...layouts.value, [name]: pairs.toString() });
}

export function dropLayout(name: string): void {
  const { [name]: _, ...rest } = layouts.value;
  keep(rest);
}

// Asking the server: one place that knows addresses, the token, what was cached and how errors look.
import { decodeHeat } from "./tile";
import type { Heat } from "../model/heat";

/** What went wrong and what mends it, in the server's own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null,
    readonly retryAfterS: number | null,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

interface Kept {
  etag: string;
  value: unknown;
}

const MOST_KEPT = 60;

export class Client {
  private readonly kept = new Map<string, Kept>();

  /** The token stays in memory: it is taken from the address once and is in no link after that. */
  constructor(
    private readonly token: string | null,
    private readonly ask: typeof fetch = (...request) => fetch(...request),
  ) {}

  /** An address with its query; what is null is left out. */
  address(path: string, query: Query = {}): string {
    const pairs = Object.entries(query).filter(
      (pair): pair is [string, string | number | boolean] =>
        pair[1] !== null && pair[1] !== undefined && pair[1] !== "",
    );
    const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]));
    const text = search.toString();
    return `/api/v1/${path}${text ? `?${text}` : ""}`;
  }

  /** An address that a browser opens by itself, such as a download: the token goes with it. */
  link(path: string, query: Query = {}): string {
    return this.address(path, { ...query, token: this.token });
  }

  async json<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    return this.get(path, query, signal, (response) => response.json() as Promise<T>);
  }

  async heat(query: Query, signal?: AbortSignal): Promise<Heat> {
    return this.get("heatmap", query, signal, async (response) =>
      decodeHeat(await response.arrayBuffer()),
    );
  }

  async send<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
    const response = await this.ask(this.address(path), {
      method,
      headers: { ...this.headers(), "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw await errorOf(response);
    return (await response.json()) as T;
  }

  private headers(): Record<string, string> {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  private async get<T>(
    path: string,
    query: Query,
    signal: AbortSignal | undefined,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const address = this.address(path, query);
    const held = this.kept.get(address);
    const headers = this.headers();
    if (held) headers["If-None-Match"] = held.etag;
    const response = await this.ask(address, { headers, ...(signal ? { signal } : {}) });
    if (response.status === 304 && held) return held.value as T;
    if (!response.ok) throw await errorOf(response);
    const value = await read(response);
    const etag = response.headers.get("ETag");
    // The newest last, so that the oldest is the first to go.
    this.kept.delete(address);
    if (etag) this.kept.set(address, { etag, value });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MOST_KEPT) break;
      this.kept.delete(oldest);
    }
    return value;
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const after = Number(response.headers.get("Retry-After"));
  const wait = Number.isFinite(after) && after > 0 ? after : null;
  try {
    const { error } = (await response.json()) as {
      error: { code: string; message: string; hint: string | null };
    };
    return new ApiError(response.status, error.code, error.message, error.hint, wait);
  } catch {
    const what = `the server answered ${response.status} without saying why`;
    return new ApiError(response.status, "unreadable", what, null, wait);
  }
}

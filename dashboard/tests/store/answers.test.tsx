import { h, render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, describe, expect, it } from "vitest";

import { Client } from "../../src/api/client";
import { useAnswer } from "../../src/store/answers";
import { Store, type Held } from "../../src/store/store";

interface Asked {
  address: string;
  signal: AbortSignal;
  answer: (value: unknown) => void;
}

const asked: Asked[] = [];
const client = new Client(null, (address, how) =>
  new Promise((resolve) => {
    asked.push({
      address: String(address),
      signal: how!.signal!,
      answer: (value) => {
        resolve(new Response(JSON.stringify(value)));
      },
    });
  }),
);

function shown(store: Store): { held: Held<number> } {
  const seen = { held: null as unknown as Held<number> };
  function Panel(): null {
    seen.held = useAnswer<number>(store, "signals");
    return null;
  }
  act(() => {
    render(h(Panel, {}), document.body);
  });
  return seen;
}

async function answered(one: Asked, value: unknown): Promise<void> {
  await act(async () => {
    one.answer(value);
    await new Promise((done) => setTimeout(done));
  });
}

afterEach(() => {
  render(null, document.body);
  asked.length = 0;
});

describe("an answer that is shown", () => {
  it("is waited for while news comes faster than it, and asked for again once it is there", async () => {
    const store = new Store(client);
    store.look({ venue: "sandbox", symbol: "SIM/USDT:USDT" });
    const seen = shown(store);
    expect(asked).toHaveLength(1);
    act(() => {
      store.fresher.value += 1;
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]!.signal.aborted).toBe(false);
    await answered(asked[0]!, 7);
    expect(seen.held).toMatchObject({ value: 7, loading: false });
    act(() => {
      store.fresher.value += 1;
    });
    expect(asked).toHaveLength(2);
    // The same question in passing: what is shown is not called old.
    expect(seen.held).toMatchObject({ value: 7, loading: false });
  });

  it("is given up for another moment's, and called old meanwhile", async () => {
    const store = new Store(client);
    store.look({ venue: "sandbox", symbol: "SIM/USDT:USDT" });
    const seen = shown(store);
    await answered(asked[0]!, 7);
    act(() => {
      store.goTo(Date.UTC(2024, 0, 18));
    });
    expect(asked[1]!.address).toContain("at=2024-01-18");
    expect(seen.held).toMatchObject({ value: 7, loading: true });
    act(() => {
      store.goTo(Date.UTC(2024, 0, 17));
    });
    expect(asked[1]!.signal.aborted).toBe(true);
    expect(asked[2]!.address).toContain("at=2024-01-17");
  });
});

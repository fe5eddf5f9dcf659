import { describe, expect, it } from "vitest";

import type { Alert } from "../../src/api/answers";
import { joined } from "../../src/panels/alerts";

const alert = (key: string, at: string): Alert => ({ key, at }) as Alert;

describe("alerts that are listed and alerts that the stream tells", () => {
  const listed = [alert("a", "2026-02-05T12:00Z"), alert("b", "2026-02-05T11:00Z")];
  const told = [alert("c", "2026-02-05T13:00Z"), alert("a", "2026-02-05T12:00Z")];

  it("are each shown once, newest first", () => {
    expect(joined(listed, told, null).map((one) => one.key)).toEqual(["c", "a", "b"]);
  });

  it("are none from after the moment that is looked at", () => {
    const at = Date.parse("2026-02-05T11:30Z");
    expect(joined(listed, told, at).map((one) => one.key)).toEqual(["b"]);
  });
});

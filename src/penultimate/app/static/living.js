// ---- Charts live on: what a setting changes is put into the picture that is there, which takes a tenth of drawing it.
// By name: the shape of its spec, and the view that Vega keeps of it.
const living = new Map();

// A spec without what changes from one setting to the next: rows, ends of scales, ticks and titles, which become signals.
function apart(spec) {
  const { datasets = {}, description = "", ...rest } = spec;
  const values = [];
  // Layers that share an axis must share its signals, or Vega would join their scales.
  const known = new Map();
  function signal(value) {
    const text = JSON.stringify(value);
    if (!known.has(text)) known.set(text, `moving${values.push(value) - 1}`);
    return known.get(text);
  }
  function walk(part, key) {
    if (part === null || typeof part !== "object") return part;
    if (Array.isArray(part)) return part.map((one) => walk(one));
    if (key === "title" && "text" in part) {
      const { text, subtitle = [], ...look } = part;
      return { ...look, text: { signal: signal(text) }, subtitle: { signal: signal([subtitle].flat()) } };
    }
    const out = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, walk(value, name)]));
    if (key === "scale" && part.domain?.length === 2 && part.domain.every(Number.isFinite)) {
      const name = signal(part.domain);
      out.domain = [{ signal: name + "[0]" }, { signal: name + "[1]" }];
    }
    if (key === "axis" && Array.isArray(part.values)) out.values = { signal: signal(part.values) };
    return out;
  }
  return { shape: walk(rest), datasets, values, description };
}
async function redrawn(place, name, report, spec, room) {
  const rows = rowsOf(spec);
  const { shape, datasets, values, description } = apart(fitted(spec, room));
  const key = JSON.stringify([report, room, shape]);
  const old = living.get(name);
  if (old?.key === key && place.contains(old.canvas)) {
    old.rows = rows;
    for (const [set, data] of Object.entries(datasets)) old.view.data(set, data);
    values.forEach((value, index) => old.view.signal(`moving${index}`, value));
    await old.view.description(description).runAsync();
    return;
  }
  old?.view.finalize();
  living.delete(name);
  const params = values.map((value, index) => ({ name: `moving${index}`, value }));
  const canvas = document.createElement("div");
  const moving = { ...shape, datasets, description, params: [...params, ...(shape.params ?? [])] };
  // A thousand dots on a canvas cost a third of what they cost as elements; what is saved is a vector picture all the same.
  const view = await drawn(canvas, name, report, moving, "canvas");
  place.replaceChildren(canvas);
  if (!view) return;
  living.set(name, { key, canvas, view, rows });
  offer(canvas, report + "-" + name, () => living.get(name).rows);
}

// Every row that a chart draws, whatever part of it holds them.
function rowsOf(spec) {
  const found = [];
  (function look(part) {
    if (Array.isArray(part)) return part.forEach(look);
    if (!part || typeof part !== "object") return;
    if (Array.isArray(part.data?.values)) found.push(...part.data.values);
    for (const rows of Object.values(part.datasets ?? {})) found.push(...rows);
    ["layer", "hconcat", "vconcat", "concat", "spec"].forEach((name) => look(part[name]));
  })(spec);
  return found;
}
// Rows as CSV; a text that a spreadsheet would take for a formula gets an apostrophe.
function asCsv(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value) => {
    const text = value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    const safe = typeof value === "string" && /^[=+@\t\r-]/.test(text) ? "'" + text : text;
    return /[",\n\r]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };
  return [columns, ...rows.map((row) => columns.map((name) => row[name]))].map((row) => row.map(cell).join(",")).join("\r\n");
}
function save(name, rows) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asCsv(rows)], { type: "text/csv" }));
  link.download = name + ".csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
// One more way to save a chart: what it shows when it is saved, as numbers.
function offer(place, name, rows) {
  const link = document.createElement("a");
  link.textContent = "Save data as CSV";
  link.href = "#";
  link.addEventListener("click", (event) => { event.preventDefault(); save(name, rows()); });
  place.querySelector(".vega-actions")?.append(link);
}
// Rows behind a finding, which stand in the button that saves them.
document.addEventListener("click", ({ target }) => {
  if (target.dataset?.rows) save(document.body.dataset.report + "-" + target.dataset.name, JSON.parse(target.dataset.rows));
});

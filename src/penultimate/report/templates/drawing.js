"use strict";
// A chart is drawn for this much room; with less, plots become smaller, and letters stay as they are.
const DRAWN_FOR = 520;
function wrapped(text, letters) {
  const lines = [""];
  for (const word of [text].flat().flatMap((line) => line.split(" "))) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= letters) lines.push(word);
    else lines[lines.length - 1] = last ? last + " " + word : word;
  }
  return lines;
}
function fitted(spec, room) {
  if (room >= DRAWN_FOR) return spec;
  if (spec.hconcat) { spec.vconcat = spec.hconcat; delete spec.hconcat; }
  for (const part of spec.vconcat ?? [spec]) {
    const square = part.width === part.height;
    part.width = Math.min(part.width, room - (square ? 120 : 75));
    if (square) part.height = part.width;
  }
  spec.title.text = wrapped(spec.title.text, (room - 40) / 8);
  if (spec.title.subtitle) spec.title.subtitle = [spec.title.subtitle].flat().flatMap((line) => wrapped(line, room / 6));
  Object.assign(spec.config.legend, { columns: 2, orient: "bottom" });
  return spec;
}
// Draw a fitted chart into a place; what it is called when it is saved begins with the kind of report.
function drawn(place, name, report, spec, renderer = "svg") {
  const actions = { export: true, source: false, compiled: false, editor: false };
  // Expressions are interpreted, not compiled, so that no page needs the right to make scripts.
  return vegaEmbed(place, spec, {
    mode: "vega-lite", renderer, ast: true, actions, downloadFileName: report + "-" + name,
  }).then(({ view }) => {
    // A vector picture scales with the page; without a viewBox it would be cut.
    const svg = place.querySelector("svg.marks");
    if (svg && !svg.getAttribute("viewBox")) svg.setAttribute("viewBox", `0 0 ${svg.width.baseVal.value} ${svg.height.baseVal.value}`);
    const summary = place.querySelector("summary");
    if (summary) summary.setAttribute("aria-label", "Save the chart " + name);
    return view;
  }).catch((error) => {
    place.textContent = "This chart could not be drawn: " + error.message;
    console.error(error);
  });
}

"use strict";
for (const script of document.querySelectorAll("script[data-chart]")) {
  const name = script.dataset.chart;
  const place = document.getElementById("chart-" + name);
  const actions = { export: true, source: false, compiled: false, editor: false };
  vegaEmbed(place, JSON.parse(script.textContent), {
    mode: "vega-lite", renderer: "svg", actions, downloadFileName: document.body.dataset.report + "-" + name,
  }).then(({ view }) => {
    // The picture scales with the page; without a viewBox it would be cut.
    const svg = place.querySelector("svg.marks");
    if (!svg.getAttribute("viewBox")) svg.setAttribute("viewBox", `0 0 ${svg.width.baseVal.value} ${svg.height.baseVal.value}`);
    const summary = place.querySelector("summary");
    if (summary) summary.setAttribute("aria-label", "Save the chart " + name);
    return view;
  }).catch((error) => {
    place.textContent = "This chart could not be drawn: " + error.message;
    console.error(error);
  });
}

for (const script of document.querySelectorAll("script[data-chart]")) {
  const name = script.dataset.chart;
  const place = document.getElementById("chart-" + name);
  drawn(place, name, document.body.dataset.report, fitted(JSON.parse(script.textContent), place.clientWidth));
}

const form = document.getElementById("settings");
const result = document.getElementById("result");
const at = (id) => document.getElementById(id);
// Work that is over sooner shows no progress.
const PATIENCE = 400;
// What takes longer is given up when a setting has changed: to begin anew starts a process, which takes as long.
const TOO_LONG = 2000;
// Charts that may have to be solved for at many weight decays: after all others.
const LATE = ["learning", "sweep", "slider"];
// Letters of a link that the server reads.
const LONGEST = 60_000;
// A pause in typing.
const PAUSE = 250;

// ---- What is set. Fields that do not count now are disabled, and so neither sent nor in the link.
function settings() { return Object.fromEntries(new FormData(form)); }
// A block says in data-if what must be chosen: "view=files task=audit,labels" (or != for
// what must not be), with | between alternatives.
function counts(block) {
  return block.dataset.if.split("|").some((all) => all.trim().split(" ").every((one) => {
    const [name, values] = one.split(/!?=/);
    return values.split(",").includes(form.elements.namedItem(name).value) !== one.includes("!=");
  }));
}
function arrange() {
  for (const block of document.querySelectorAll("[data-if]")) block.hidden = !counts(block);
  for (const field of form.elements) field.disabled = field.closest("[data-if][hidden]") !== null;
}
// The files that count now, one of each slot.
function chosen() {
  return [...form.querySelectorAll("[data-slot]:enabled")].flatMap(({ dataset, files }) => [...files].map((file) => ({ slot: dataset.slot, file })));
}
function sent(request, files = chosen()) {
  const listed = files.map(({ slot, file }) => ({ slot, name: file.name, size: file.size }));
  return new Blob([JSON.stringify({ ...request, files: listed }), "\n", ...files.map(({ file }) => file)]);
}

// ---- Sliders are logarithmic, and move the number beside them.
const sliders = [...form.querySelectorAll("input[type=range]")];
function ends(slider) { return [Math.log(slider.dataset.low), Math.log(slider.dataset.high)]; }
function follow(slider) {
  const [low, high] = ends(slider);
  const value = Number(at(slider.dataset.for).value);
  if (value > 0) slider.value = Math.round(slider.max * (Math.log(value) - low) / (high - low));
  slider.setAttribute("aria-valuetext", at(slider.dataset.for).value);
}
function lead(slider) {
  const [low, high] = ends(slider);
  const value = Math.exp(low + (high - low) * slider.value / slider.max);
  const whole = Number(slider.dataset.low) >= 1;
  at(slider.dataset.for).value = whole && value >= 100 ? Number(value.toPrecision(2)).toFixed(0) : whole ? Math.round(value) : Number(value.toPrecision(2));
  slider.setAttribute("aria-valuetext", at(slider.dataset.for).value);
}

// ---- The link says all that is not as at the start.
const start = (() => { arrange(); return settings(); })();
function remember() {
  const changed = Object.entries(settings()).filter(([name, value]) => value !== start[name]);
  const params = new URLSearchParams(changed);
  at("long").hidden = params.toString().length < LONGEST;
  if (!at("long").hidden) params.delete("text");
  const query = params.toString();
  history.replaceState(null, "", query ? "?" + query : location.pathname);
}
function restore() {
  for (const [name, value] of new URLSearchParams(location.search)) {
    const field = form.elements.namedItem(name);
    if (!field || field.type === "file") throw new Error(`The link says “${name}”, which is no setting. The rest of it is shown.`);
    field.value = value;
    if (field.value !== value) throw new Error(`The link says ${name}=${value}, which cannot be chosen.`);
  }
}

// ---- The server's answers.
async function ask(path, body, signal) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The page's server does not answer: start `penultimate app` again, then load this page again.");
  }
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `The server answered ${answer.status}.`);
  return answer;
}
function complain(error, old = Boolean(error)) {
  at("error").textContent = error ? error.message : "";
  at("error").hidden = !error;
  result.classList.toggle("old", old);
}

// ---- One round after the other: what is in sight is computed and drawn, the rest when it is scrolled to.
let shown = "";
let working = null;
let again = false;
let began = 0;
let givingUp = 0;
let touched = performance.now();
// What was wrong with the link, said until something is set.
let damaged = null;
const inSight = new Set();
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) isIntersecting ? inSight.add(target) : inSight.delete(target);
  if (missing().length) show();
}, { rootMargin: "40px" });
function missing() { return [...inSight].filter((place) => place.isConnected && place.dataset.of !== shown).map((place) => place.id.slice(6)); }

function changed() {
  touched = performance.now();
  damaged = null;
  arrange();
  again = true;
  clearTimeout(givingUp);
  if (working) {
    givingUp = setTimeout(() => { if (again) working?.abort(); }, Math.max(PAUSE, TOO_LONG - (performance.now() - began)));
    say(settings());
  }
  show();
}
async function show() {
  if (working) return;
  result.setAttribute("aria-busy", "true");
  try {
    do {
      again = false;
      began = performance.now();
      working = new AbortController();
      await round(settings());
    } while (again || missing().length);
    complain(damaged, false);
  } catch (error) {
    complain(error.name === "AbortError" ? new Error("Cancelled. Change a setting to go on.") : error);
  } finally {
    working = null;
    at("draft").hidden = true;
    result.setAttribute("aria-busy", "false");
    at("progress").hidden = true;
  }
  if (again) show();
}
async function round(asked) {
  const files = chosen();
  const key = JSON.stringify([asked, ...files.map(({ slot, file }) => [slot, file.name, file.size, file.lastModified])]);
  const wanted = key === shown ? missing() : [...inSight].map((place) => place.id.slice(6));
  const soon = wanted.filter((name) => !LATE.includes(name));
  const charts = soon.length ? soon : key === shown ? wanted : [];
  const clock = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    at("progress").hidden = seconds * 1000 < PATIENCE;
    at("elapsed").textContent = `Computing for ${seconds.toFixed(0)} s …`;
  }, 100);
  try {
    if (key !== shown) say(asked);
    const found = await (await ask("view", sent({ settings: asked, charts }, files), working.signal)).json();
    if (key !== shown) place(found, key);
    await Promise.all(Object.entries(found.charts).map(([name, spec]) => draw(name, spec, asked.view, key)));
  } finally {
    clearInterval(clock);
  }
  await new Promise(requestAnimationFrame);
  document.body.dataset.shown = key;
  document.body.dataset.report = asked.view;
  performance.measure("redraw", { start: touched, end: performance.now() });
}
// What is known at once of a forecast that takes longer, above figures that are still of the previous setting.
async function say(asked) {
  if (asked.view !== "forecast" || asked.loss === "mse") return;
  const since = touched;
  const { draft } = await ask("draft", sent({ settings: asked }, [])).then((answer) => answer.json()).catch(() => ({}));
  if (!draft || !working || since !== touched) return;
  at("draft").textContent = draft;
  at("draft").hidden = false;
  result.classList.add("old");
  await new Promise(requestAnimationFrame);
  performance.measure("draft", { start: since, end: performance.now() });
}
// The report's body; its charts come right below the verdict, beside the sliders that move them, and those of the same
// view stay where they are until they are drawn anew.
function place(found, key) {
  const body = document.createElement("template");
  body.innerHTML = found.html;
  const verdict = body.content.querySelector(".verdict");
  const fresh = body.content.querySelector(".charts").closest("section");
  const names = (section) => [...(section?.querySelectorAll(".chart") ?? [])].map((chart) => chart.id).join();
  const kept = result.querySelector(".charts")?.closest("section");
  if (kept && names(kept) === names(fresh)) {
    fresh.remove();
    for (const old of [...result.children]) if (old !== kept) old.remove();
    kept.before(verdict);
    kept.after(body.content);
  } else {
    sight.disconnect();
    inSight.clear();
    verdict.after(fresh);
    result.replaceChildren(body.content);
    for (const chart of fresh.querySelectorAll(".chart")) sight.observe(chart);
  }
  at("python").textContent = found.python;
  at("command").textContent = found.command;
  at("kept").hidden = false;
  at("heard").textContent = result.querySelector(".verdict p").textContent.split(". ")[0];
  shown = key;
  remember();
}
async function draw(name, spec, report, key) {
  const place = at("chart-" + name);
  if (!place) return;
  await redrawn(place, name, report, spec, place.clientWidth);
  place.dataset.of = key;
}

// ---- Files in and out.
async function upload(file) {
  try {
    const query = new URLSearchParams({ name: file.name, holds: form.elements.holds.value });
    const found = await (await ask("upload?" + query, file)).json();
    form.elements.text.value = found.text;
    form.elements.holds.value = "counts";
    at("origin").textContent = found.origin;
    changed();
  } catch (error) {
    complain(error);
  }
}
async function keep(button) {
  try {
    const found = await (await ask("save", sent({ settings: settings(), kind: button.dataset.save }))).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(found);
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    complain(error);
  }
}

let pause = 0;
document.addEventListener("input", ({ target }) => {
  if (target.type === "file" || target.form !== form) return;
  clearTimeout(pause);
  if (target.type === "range") { lead(target); changed(); return; }
  for (const slider of sliders) if (slider.dataset.for === target.id) follow(slider);
  if (target.id === "text") at("origin").textContent = "";
  pause = setTimeout(changed, ["text", "textarea"].includes(target.type) ? PAUSE : 0);
});
form.addEventListener("submit", (event) => event.preventDefault());
at("file").addEventListener("change", ({ target }) => { if (target.files[0]) upload(target.files[0]); target.value = ""; });
for (const input of form.querySelectorAll("[data-slot]")) input.addEventListener("change", changed);
at("cancel").addEventListener("click", () => working?.abort());
at("link").addEventListener("click", async ({ target }) => {
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    complain(new Error("The browser does not let this page copy: copy the address from its bar."), false);
    return;
  }
  target.textContent = "Copied";
  setTimeout(() => { target.textContent = "Copy the link to this view"; }, 2000);
});
for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => keep(button));

try { restore(); } catch (error) { damaged = error; }
sliders.forEach(follow);
arrange();
show();

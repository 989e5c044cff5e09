// What a reader would find wrong with the page on the screen; a list of sentences.
const found = [];
const page = document.querySelector("article") || document.body;
const brief = element => `<${element.tagName.toLowerCase()}> ${(element.textContent || element.src || "").trim().slice(0, 60)}`;
const scrolls = element => {
  for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
    if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return true;
  return false;
};

const seen = selector => [...page.querySelectorAll(selector)].filter(element => element.checkVisibility());
const most = (selector, many, what) => {
  const there = seen(selector).length;
  if (there > many) found.push(`more than ${many} ${what} (${there})`);
};
if (!/\/(settings|facts)\.html$/.test(location.pathname)) most("table", 3, "tables are in view");  // they are lists
most("details.hide.above-input", 4, "folded cells of code");

const screen = document.documentElement.clientWidth;
const measure = () => {
  if (document.documentElement.scrollWidth > screen + 1)
    found.push(`the page is wider than the screen (${document.documentElement.scrollWidth} > ${screen})`);
  const wide = [...page.querySelectorAll("*")].filter(
    element => element.getBoundingClientRect().right > screen + 1 && element.checkVisibility() && !scrolls(element));
  if (wide.length) found.push(`${wide.length} elements reach beyond the screen: ${brief(wide[0])}`);
};
measure();
const closed = [...page.querySelectorAll("details:not([open])")];
for (const box of closed) box.open = true;
measure();
if (screen > 1000)
  for (const code of seen("pre"))
    if (code.scrollWidth > code.clientWidth + 1) found.push(`a line of code is wider than its box: ${brief(code)}`);
for (const box of closed) box.open = false;

let level = 0;
for (const heading of page.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) found.push(`a heading skips a level: ${brief(heading)}`);
  level = next;
}
if (page.querySelectorAll("h1").length !== 1) found.push("the page has not one title");

for (const image of page.querySelectorAll("img")) {
  if (!image.alt.trim()) found.push("a figure without alternative text");
  if (image.loading !== "lazy" && (!image.complete || !image.naturalWidth)) found.push(`a broken figure: ${image.alt}`);
  if (!image.matches(".lvmass-figure")) continue;
  const letters = image.dataset.lettersPt * 96 / 72 * image.getBoundingClientRect().width / image.naturalWidth;
  if (!(letters >= 7)) found.push(`a figure too small to read (letters of ${letters.toFixed(1)} px): ${image.alt}`);
}

const named = [...document.querySelectorAll("[id]")].map(element => element.id);
for (const id of new Set(named.filter((id, i) => named.indexOf(id) !== i))) found.push(`an id stands twice: ${id}`);
return found;
